"""The report's Markdown as HTML: nothing in it is HTML of its own, each bound number is a button
that knows its fact, each citation a link to its datapoint, each name that has a place here a link
to it. What is quoted of each datapoint is noted, so that it can be marked there."""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote, unquote

from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from markupsafe import Markup, escape

from failure_analysis import facts
from failure_analysis.report import meaning, pieces, prose, relations

_FACT = re.compile(r"<!--fact:((?:(?!-->).)+)-->")
_QUOTED = re.compile(r"[\"“„]([^\"“”„]+)[\"”“]\s*$")
_CUT_OFF = re.compile(r"\n?\[end of data-[0-9a-f]{12}\]\s*$")
_DATAPOINTS, _CAUSES = "dp:", "cause:"


class Heading(NamedTuple):
    """A heading of the report: its depth, the anchor that it has, its words."""

    depth: int
    anchor: str
    words: str


class Text(NamedTuple):
    """A report as it is shown: its title, the HTML of the rest, its headings, the datapoints that
    it names with what it quotes of each, and the facts that its numbers are."""

    title: str
    html: Markup
    headings: list[Heading]
    quoted: dict[str, list[str]]
    facts: dict[str, list[str]]


class Names(NamedTuple):
    """What a name in a report may lead to: datapoints by id, with how each is called in short, the
    causes, and the facts with the models in their keys."""

    datapoints: Mapping[str, str]
    causes: Collection[str]
    facts: Mapping[str, int | float]
    models: Collection[str]


def anchor(kind: str, name: str) -> str:
    """The link to a datapoint or a cause on this page."""
    return "#" + quote(f"{kind}{name}", safe=":/~@.,;=+()!*'")


def datapoint(ident: str) -> str:
    """The link to a datapoint."""
    return anchor(_DATAPOINTS, ident)


def cause(name: str) -> str:
    """The link to a cause."""
    return anchor(_CAUSES, name)


def rendered(text: str, names: Names) -> Text:
    """A report's Markdown as HTML."""
    reader = _reader()
    env: dict[str, Any] = {"names": names, "headings": [], "quoted": {}, "facts": {}, "title": ""}
    html = []
    for name, piece in pieces.split(text.replace("\r\n", "\n")):
        if name:
            piece = "\n".join(piece.strip("\n").split("\n")[1:-1])
        body = reader.render(piece, env)
        if body.strip():
            html.append(f'<div class="{"made" if name else "said"}">{body}</div>')
    return Text(env["title"], Markup("\n".join(html)), env["headings"], env["quoted"],
                env["facts"])


def _reader() -> MarkdownIt:
    """A reader of Markdown with tables and our marks, and neither HTML nor pictures nor addresses
    in it."""
    reader = MarkdownIt("commonmark", {"html": False}).enable("table")
    reader.disable(["html_inline", "html_block", "image", "autolink", "reference"])
    reader.inline.ruler.before("link", "citation", _citation)
    reader.inline.ruler.before("link", "picture", _picture)
    reader.inline.ruler.push("fact", _fact)
    reader.core.ruler.push("quotes", _quotes)
    for name, how in (("citation", _citation_html), ("fact", _fact_html), ("fence", _fence_html),
                      ("code_inline", _code_html), ("heading_open", _heading_html),
                      ("table_open", _table_html), ("table_close", _table_end),
                      ("picture", _picture_html)):
        reader.add_render_rule(name, how)
    return reader


def _citation(state: StateInline, silent: bool) -> bool:
    """`[dp:ID]`."""
    if not state.src.startswith("[dp:", state.pos):
        return False
    end = prose.citation_end(state.src, state.pos)
    if end is None:
        return False
    if not silent:
        state.push("citation", "", 0).content = state.src[state.pos + 4:end].strip()
    state.pos = end + 1
    return True


def _picture(state: StateInline, silent: bool) -> bool:
    """A picture, of which only the words are shown: the page loads nothing."""
    match = re.compile(r"!\[([^\[\]]*)\]\(([^()\s]*)\)").match(state.src, state.pos)
    if not match:
        return False
    if not silent:
        state.push("picture", "", 0).content = match[1]
    state.pos = match.end()
    return True


def _fact(state: StateInline, silent: bool) -> bool:
    """The comment that says which fact the number before it is: the number goes into it."""
    match = _FACT.match(state.src, state.pos)
    if not match:
        return False
    if not silent:
        bound = next((found for found in prose.BOUND.finditer(state.src, 0, match.end())
                      if found.end() == match.end()), None)
        number = (bound[1] or "") if bound else ""
        if not number or not state.pending.endswith(number):
            return False
        state.pending = state.pending[:-len(number)]
        token = state.push("fact", "", 0)
        token.content, token.info = number, " ".join(match[1].split())
    state.pos = match.end()
    return True


def _quotes(state: Any) -> None:
    """Notes what is quoted of each datapoint: a blockquote with its citation, or words in quotation
    marks directly before one; the citation is told which. Headings go one level down, as the page
    has sections of its own; what leads outside says where to."""
    inside, quoted = 0, state.env["quoted"]
    for token in state.tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(6, int(token.tag[1:]) + 1)}"
        if token.attrs.pop("style", "") == "text-align:right":
            token.attrs["class"] = "n"
        inside += {"blockquote_open": 1, "blockquote_close": -1}.get(token.type, 0)
        said = ""
        for child in token.children or ():
            if child.type == "link_open":
                _lead(child, state.env["names"])
            if child.type == "citation":
                words = said.strip() if inside else _last_quote(said)
                mine = quoted.setdefault(child.content, [])
                if words and words not in mine:
                    mine.append(words)
                child.meta["quote"], said = words, said if inside else ""
            else:
                said += "\n" if child.type in ("softbreak", "hardbreak") else child.content


def _lead(link: Token, names: Names) -> None:
    """A link to a cause's section of the Markdown leads to the cause on this page."""
    name = unquote(str(link.attrs["href"]).removeprefix("#"))
    if name in names.causes:
        link.attrs["href"] = cause(name)
    elif not str(link.attrs["href"]).startswith("#"):
        link.attrs |= {"rel": "noreferrer noopener", "title": link.attrs["href"]}


def _last_quote(said: str) -> str:
    match = _QUOTED.search(said)
    return match[1] if match else ""


def _citation_html(self: Any, tokens: Sequence[Token], place: int, options: Any, env: Any) -> str:
    ident, names = tokens[place].content, env["names"]
    if ident not in names.datapoints:
        return f"<code>[dp:{escape(ident)}]</code>"
    quoted = tokens[place].meta.get("quote")
    held = f' data-quote="{escape(quoted)}"' if quoted else ""
    return f'<a class="cited" href="{datapoint(ident)}" title="{escape(ident)}"{held}>' \
        f"{escape(names.datapoints[ident])}</a>"


def _fact_html(self: Any, tokens: Sequence[Token], place: int, options: Any, env: Any) -> str:
    token, names = tokens[place], env["names"]
    keys = relations.keys(token.info)
    for key in keys:
        if key in names.facts and key not in env["facts"]:
            env["facts"][key] = [facts.shown(key, names.facts[key]), _meant(key, names.models)]
    return f'<span role="button" tabindex="0" class="fact" data-fact="{escape(" ".join(keys))}" ' \
        f'title="{escape(token.info)}">{escape(token.content)}</span>'


def _meant(key: str, models: Collection[str]) -> str:
    """What a fact counts and of whom, each name once: the whole key stands below it."""
    named, rest = meaning.parsed(key, models)
    words = meaning.in_words(meaning.kind_of(key), ()).removesuffix("; all models together")
    whom = " of ".join(filter(None, (rest.strip("/"), ", ".join(named))))
    return f"{words}; {whom or 'all models together'}".replace("`", "")


def _code_html(self: Any, tokens: Sequence[Token], place: int, options: Any, env: Any) -> str:
    name, names = tokens[place].content, env["names"]
    shown = f"<code>{escape(name)}</code>"
    if place and tokens[place - 1].type == "link_open":
        return shown
    if name in names.datapoints:
        return f'<a class="cited" href="{datapoint(name)}" title="{escape(name)}">' \
            f"{escape(names.datapoints[name])}</a>"
    return f'<a href="{cause(name)}">{shown}</a>' if name in names.causes else shown


def _fence_html(self: Any, tokens: Sequence[Token], place: int, options: Any, env: Any) -> str:
    return f"<pre><code>{escape(_CUT_OFF.sub('', tokens[place].content))}</code></pre>\n"


def _heading_html(self: Any, tokens: Sequence[Token], place: int, options: Any, env: Any) -> str:
    token = tokens[place]
    words = "".join(child.content for child in tokens[place + 1].children or ())
    depth = int(token.tag[1:]) - 1
    if depth == 1 and not env["title"]:
        env["title"] = words
    heading = Heading(depth, f"report-{len(env['headings']) + 1}", words)
    env["headings"].append(heading)
    return f'<{token.tag} id="{heading.anchor}">'


def _table_html(self: Any, tokens: Sequence[Token], place: int, options: Any, env: Any) -> str:
    return '<div class="wide" tabindex="0" role="region" aria-label="table"><table>\n'


def _table_end(self: Any, tokens: Sequence[Token], place: int, options: Any, env: Any) -> str:
    return "</table></div>\n"


def _picture_html(self: Any, tokens: Sequence[Token], place: int, options: Any, env: Any) -> str:
    return f'<a href="#figures">Figure: {escape(tokens[place].content)}</a>'
