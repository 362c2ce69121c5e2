"""What an answer says about itself: that it could not, or that something has been done. Word lists
of English; what they do not decide is left alone."""

import re
from collections.abc import Iterable

from failure_analysis.audit.values import one_line
from failure_analysis.patterns import re_compile

_FAILURE = (r"unable to|not able to|"
            r"(?:can ?not|can['’]t|could ?not|couldn['’]t|am not able to|was not able to|"
            r"wasn['’]t able to|won['’]t be able to|will not be able to|do not have (?:the |any )?"
            r"(?:ability|access|information|tools?|enough)|don['’]t have (?:the |any )?"
            r"(?:ability|access|information|tools?|enough)|do not know|don['’]t know|"
            r"give up|gave up|must decline|have to decline|must refuse|not going to be able to)")
_REFUSES = re_compile(
    rf"^\W*(?:(?:i(?:['’]m| am)|we(?:['’]re| are)) (?:(?:very|so|truly|really) )?(?:sorry|afraid)|"
    r"sorry|unfortunately|i apologi[sz]e|my apologies|as an ai[^.,]*|regrettably)?"
    r"(?:[,.:;!]|\bbut\b|\bhowever\b|\bthat\b|\bfor (?:the|any)[^.,]*|\s)*"
    rf"(?:(?:i|we)(?:['’]m| am|['’]re| are| was| were)? (?:{_FAILURE})|"
    r"(?:unable|not able|failed|impossible|not possible) to \w+|(?:cannot|could not|couldn['’]t|"
    r"can['’]t) (?:\w+ ){0,2}(?:read|open|find|see|access|load|determine|tell|answer|complete|do|"
    r"parse|decode|locate|identify|retrieve|compute|solve|help|say)\b|"
    r"(?:nothing |no (?:\w+ ){1,3}?)(?:was|were|could be|can be) "
    r"(?:found|located|determined|identified|retrieved)\b)", re.I)
_INPUT = (r"(?:passage|text|document|article|context|image|picture|photo|table|question|input|"
    r"excerpt|attachment|story|paragraph|figure|snippet|transcript|source|prompt|file)s?")
_GIVEN = (r"(?:transmitted|provided|included|attached|given|shared|supplied|sent|visible|received|"
          r"available|loaded|load|there|present|arrive|come through|passed on|here)")
# That something is missing, or not one's business: told so with the first words of a short answer.
_LACKING = re_compile(
    r"\W*(?:(?:i['’]m|i am) (?:very )?(?:sorry|afraid)|sorry|unfortunately|apologies|hello|hi)?"
    r"(?:[,.:;!]|\bbut\b|\bthat\b|\bit (?:seems|looks|appears)(?: that| like)?\b|\s)*(?:"
    rf"(?:the|your|this|that|any) (?:\w+ ){{0,2}}?{_INPUT} (?:you \w+ )?(?:(?:was|were|is|are|has|"
    rf"have|did|does|do)(?: not|n['’]t)(?: been| be)? {_GIVEN}\b|(?:is|was|are|were|seems? to be) "
    r"(?:missing|empty)\b)|"
    rf"(?:there (?:is|was) )?no {_INPUT} (?:was|were|is|has been|to|came|in)\b|"
    rf"(?:please|could you|can you|kindly)(?: please)? (?:provide|share|paste|upload|"
    rf"resend)(?: me)?(?: with)? (?:the|your|an?)(?: \w+)? {_INPUT}|"
    rf"(?:i|we) (?:don['’]t|do not|did not|didn['’]t|cannot|can['’]t) (?:see|find|have|access|"
    rf"open|view|receive)(?: any| the| an?| your| access to)*(?: \w+)? {_INPUT}|"
    r"(?:i|we) (?:can|could|may) only (?:help|assist|answer|work|respond|reply|translate|support|"
    r"process|handle)\b|(?:i|we)(?:['’]m| am| are|['’]re) (?:only|not) (?:allowed|permitted|"
    r"trained|designed|equipped|authori[sz]ed|set up) (?:to|for)\b|"
    r"(?:this|that|it)(?:['’]s| is) (?:(?:outside|beyond|out of) (?:of )?(?:my|our|what (?:i|we)|"
    r"the "
    r"scope)|not something (?:i|we) can)|(?:i|we) (?:must |have to )?(?:decline|pass on this)\b|"
    r"(?:i|we) have no (?:answer|idea|way|information|data|knowledge)\b)", re.I)
# That what a question is about was not given, in the answers of those that ask for it.
_SHOWN = (rf"(?:{_INPUT}|(?:graph|chart|diagram|code|snippet|data|list|equation|map|screenshot|"
          r"e-?mail|poem|dialogue|conversation|option|choice|sentence)s?)")
_NOT_GIVEN = re_compile(
    rf"\b(?:the|your|this|that|any|no) (?:\w+ ){{0,2}}?{_SHOWN} (?:you \w+ )?(?:(?:was|were|is|"
    rf"are|has|have|did|does|do)(?: not|n['’]t)(?: been| be)? {_GIVEN}\b|(?:is|was|are|were|"
    r"seems? to be|appears to be) (?:missing|empty|not there|cut off)\b)|"
    rf"\bno (?:\w+ )?{_SHOWN} (?:(?:was|were|is|are|has been|have been) )?{_GIVEN}\b|"
    r"\b(?:don['’]t|do not|cannot|can['’]t|didn['’]t|did not) (?:see|find|have|access|receive|"
    rf"view)(?: any| the| an?| your| access to)*(?: \w+)? {_SHOWN}\b|"
    r"\b(?:didn['’]t|did not|haven['’]t|have not|forgot to) (?:provide|include|attach|share|"
    rf"paste)\w*(?: me)?(?: with)? (?:the|your|any|an?)(?: \w+)? {_SHOWN}\b|"
    rf"\b(?:please|could you|can you|kindly)(?: please)? (?:provide|share|paste|upload|attach|"
    rf"include|resend)(?: me)?(?: with)? (?:the|your|an?)(?: \w+)? {_SHOWN}\b", re.I)
# Numbers that count steps and the like, and answer nothing.
_ORDINALS = re_compile(
    r"\b(?:steps?|parts?|questions?|attempts?|cases?|stages?|sections?|pages?|lines?|options?|"
    r"problems?|exercises?|tasks?|no|q|tr(?:y|ies))\W{0,2}\d+(?: ?(?:of|/) ?\d+)?|\b\d+ ?(?:of|"
    r"/) ?\d+\b|\b\d+ (?:times|steps|attempts|tries|ways|minutes|seconds)\b", re.I)
# Where a question says so, nothing may be the right answer.
_ALLOWS = re_compile(
    r"\b(?:if|when|where|unless|in case|otherwise|should)\b[^.?!\n]{0,120}\b(?:cannot|can['’]t|"
    r"not|no|none|nothing|unanswerable|unknown|missing|unclear|impossible|harmful|unsafe|decline|"
    r"refuse)\b|"
    r"\b(?:do nothing|leave (?:it |this |that )?(?:blank|empty)|(?:may|can|should|must) (?:refuse|"
    r"decline|abstain|be (?:blank|empty))|abstain|empty (?:string|list|answer|output|reply)|"
    r"(?:say|reply|answer|respond|write|return|output)(?: with)? (?:nothing|['\"“‘]?(?:none|"
    r"unknown|n/?a|unanswerable|i don['’]t know)))\b", re.I)
# An answer that is this alone says that there is none.
_ABSTAINS = re_compile(
    r"\W*(?:the answer is |answer: ?)?(?:unanswerable|unknown|not answerable|no answer|n/?a|"
    r"(?:it |this )?(?:is not|isn['’]t|not) (?:stated|given|mentioned|specified|known|available|"
    r"found)(?: in the (?:passage|text|context|document|article|note))?|"
    r"(?:i )?(?:do not|don['’]t) know|"
    r"(?:it |this )?(?:can ?not|can['’]t) be (?:answered|determined|known|said))\W*", re.I)
_DENIED = re_compile(
    r"refus|declin|\bden(?:y|ied)\b|unanswerable|not (?:be )?(?:possible|allowed|answerable|"
    r"permitted|eligible|enough)|cannot|can['’]t|unable|insufficient|impossible|"
    r"no (?:answer|action|tool|call)|unknown|not (?:mentioned|given|stated|available)|abstain|"
    r"\b(?:missing|nobody|no one|none|nothing|never)\b|do nothing|should not|must not|"
    r"don['’]t know|do not know|not applicable", re.I)
_WITHDRAWN = re_compile(
    r"unfortunately|unable|not able|could ?n[o']t|could not|couldn['’]t|fail(?:ed|ure)|\berror\b|"
    r"apologi|\bissue with|cannot|can['’]t|not possible|did not go through|didn['’]t|unsuccessful",
    re.I)
_HEDGES = re_compile(
    r"\b(?:nothing|none|nobody|yet|if|once|after|when|whenever|until|unless|before|will|would|"
    r"could|should|can|cannot|not|never|no|unable|failed|needs?|please|shall|(?<!\d )may(?!,? \d)|"
    r"might|let me|to be|"
    r"about to|already|previously|originally|earlier|you have|you had|you['’]ve|records?|shows?|"
    r"according|see|says?|since|because|assum\w+|neither|nor|whether|human|representative|"
    r"specialist|supervisor)\b|n['’]t\b", re.I)
# Beside these, an answer that says so does not claim that all is done.
_ADMITS = re_compile(
    r"declin|reject|refus|\b(?:not yet|still (?:open|due|pending|needs?|missing|to)|before i|"
    r"(?:do|did|was|is|are|were|have|has|would) not|instead|"
    r"(?:have|has|was|were|is|are|did|do|does)n['’]t(?! hesitate| forget| worry)|"
    r"(?:i|we)(?:['’]ve| have| could)? only|only (?:one|the first|part|half|whole)|"
    r"nothing|skipp\w+|left (?:\w+ ){1,4}(?:to|for|with) (?:you|them|him|her)|"
    r"(?:is|are|was|were) kept|stays?|the rest (?:is|are|was|were)|"
    r"(?:please|could you|can you) (?:add|provide|send|confirm|tell|give|ask|contact(?! us)|"
    r"try)|shall i|should i|(?:would|do) you(?! (?:\w+ ){0,3}(?:anything|any|more|else))|"
    r"let me know (?:if|whether|which) you(?:['’]d)? (?:want|"
    r"like|prefer)|on hold|until|once|as soon as|(?:i|we) (?:still )?need|which [^.?!]{1,60}\?)"
    r"(?!\w)", re.I)
_NOTHING = re_compile(r" (?:nothing|none|no )", re.I)
_BUT = re_compile(r"\bnothing (?:has been|was|is|were)\b|\bleft (?:it |them |all )?(?:alone|"
                  r"untouched|unchanged|as (?:it|they) (?:is|was|are|were))\b", re.I)
# What a sentence that reports something as done holds.
_REPORTS = re_compile(
    r"\b(?:is|are|was|were|been|be|got|has|have|['’](?:s|re|ve)|i|we|now|also|both|and|all|just|"
    r"successfully) (?:(?:now|also|both|all|just|successfully|been|already) )*"
    r"(?:[\w-]+ed|sent|paid|made|done|set|put|bought|written|gone|left|told|hidden|taken|given|"
    r"brought|sold|shut|withdrawn|begun|built|got|filled out)\b|\w+ed\b(?=[,.;!]|$| and\b)|"
    r"\b(?:is|are)(?: now)? (?:on (?:its|their|the) way|under ?way|in place|live|sorted|out|gone|"
    r"off|through|up again|back up)\b|\b(?:is|are)\b.{0,40}? now\b|"
    r"\b(?:has|have|had|holds?|reads?)\b.{0,80} now\b|\bnow (?:has|holds|reads|stands|bears|"
    r"carries)\b|"
    r"\b(?:went|gone|came) (?:out|through|off|live)\b|\b(?:complete|all (?:done|set))\b", re.I)
_NOT_SO = re_compile(
    r"\b(?:if|when|whenever|unless|cannot|not|never|no|unable|failed|about to|previously|"
    r"originally|earlier|ago|last (?:week|month|year|night|time|summer|winter|\w+day)|you have|"
    r"you had|you['’]ve|(?<!the )(?<!the new )(?<!a )(?<!your )records|"
    r"records? (?:show|say|state|indicate)s?|"
    r"according|see|says?|assum\w+|neither|nor|whether|already|supposed|"
    r"human|representative|specialist|supervisor|"
    r"used|tried|checked|looked|searched|want\w*|ask\w*|plan(?:ned|ning|s? to))\b|n['’]t\b", re.I)
_MODAL = re_compile(
    r"\b(?:will|would|could|should|can|(?<!\d )may(?!,? \d)|might|shall|please|to be)\b|"
    r"['’]ll\b", re.I)
_SHARE = re_compile(r"\b(\d{1,9})(?: of |/)(\d{1,9})\b")
# Verb as it is written in a claim -> what kind of change it speaks of; tools are told by the same.
_KINDS = {
    "create": r"book(?:ed)?|reserv(?:ed?|ing)|schedul(?:ed?)|creat(?:ed?)|add(?:ed)?|"
              r"open(?:ed)?|register(?:ed)?|enrol(?:l|led)?|submit(?:ted)?|fil(?:ed?)|"
              r"order(?:ed)?|purchas(?:ed?)|buy|bought|plac(?:ed?)|post(?:ed)?|sav(?:ed?)|"
              r"upload(?:ed)?|set up|issued?|writ(?:e|ten)|insert(?:ed)?|record(?:ed)?|"
              r"stor(?:ed?)|log(?:ged)?|publish(?:ed)?|deploy(?:ed)?|install(?:ed)?",
    "send": r"send|sent|submit(?:ted)?|e-?mail(?:ed)?|mail(?:ed)?|text(?:ed)?|messag(?:ed?)|"
            r"notif(?:y|ied)|forward(?:ed)?|shar(?:ed?)|invit(?:ed?)|post(?:ed)?|issued?|"
            r"repl(?:y|ied)",
    "change": r"updat(?:ed?)|chang(?:ed?)|modif(?:y|ied)|edit(?:ed)?|adjust(?:ed)?|set|"
              r"upgrad(?:ed?)|downgrad(?:ed?)|renam(?:ed?)|mov(?:ed?)|reschedul(?:ed?)|"
              r"correct(?:ed)?|switch(?:ed)?|appl(?:y|ied)|exchang(?:ed?)|replac(?:ed?)|"
              r"swap(?:ped)?|enabl(?:ed?)|disabl(?:ed?)|activat(?:ed?)|deactivat(?:ed?)|reset|"
              r"resum(?:ed?)|suspend(?:ed)?|add(?:ed)?|remov(?:ed?)|schedul(?:ed?)|assign(?:ed)?|"
              r"lock(?:ed)?|unlock(?:ed)?|writ(?:e|ten)|insert(?:ed)?|overwrit(?:e|ten)|"
              r"format(?:ted)?|fill(?:ed)?|put|mark(?:ed)?|merg(?:ed?)|restor(?:ed?)|"
              r"restart(?:ed)?|stor(?:ed?)|approv(?:ed?)|grant(?:ed)?",
    "remove": r"cancel(?:l?ed)?|delet(?:ed?)|remov(?:ed?)|clos(?:ed?)|drop(?:ped)?",
    "pay": r"pay|paid|transfer(?:red)?|charg(?:ed?)|wir(?:ed?)|deposit(?:ed)?|withdraw|withdrawn|"
           r"refund(?:ed)?|return(?:ed)?|reimburs(?:ed?)|credit(?:ed)?|send|sent",
}
_SENTENCE_END = re_compile(r"(?<=[.!?:;])\s+|\n+")
_DONE = ("ed", "sent", "paid", "bought", "withdrawn", "written", "set", "set up")
# One of these stands in each claim, or it starts with the verb.
_LEADS = ("i ", "we ", "'ve ", "’ve ", " been ", " now ", "successfully ")
_STARTS = re_compile(r"\W*(?:e-)?\w*(?:ed|sent|paid|bought|withdrawn|written|set)\b")
_ALL_SIGNS = ("done", "all set", "taken care", "sorted", " now ")
_VERBS = {kind: re_compile(rf"(?:{words})", re.I) for kind, words in _KINDS.items()}
_ANY = "|".join(_KINDS.values())
_CLAIM = re_compile(
    r"\b(?:^|(?=(?:i|we|has|have|it|that|this|is|are|was|were|successfully)\b))"
    r"(?:(?P<own>(?:i|we)(?:['’]ve| have) "
    r"(?:(?:just|now|also|successfully|since|gone ahead and) )*)"
    r"|(?P<passive>(?:has|have|(?:it|that|this)['’]s) been (?:(?:just|now|also|successfully) )*)"
    r"|(?P<now>(?:is|are) now (?:successfully )?)"
    r"|(?P<sure>(?:(?:was|were|is|are|i|we) )?successfully )"
    r"|(?P<bare>(?:^\W*|(?:i|we) (?:(?:just|also|now) |went ahead and )?)))"
    rf"(?P<verb>{_ANY})\b", re.I)
# What is opened to be read alone.
_LOOKS = re_compile(
    r"\b(?:pages?|sites?|websites?|links?|urls?|articles?|results?|documents?)\b", re.I)
# `Your stay is cancelled`: a new state, as it may be told after a deed.
_STATE = re_compile(
    r"^(?:your|the|this|that|it|everything|reservation|booking|order|ticket)\b"
    rf"(?:[ #]+[\w.,#-]+){{0,4}}? (?:is|are) (?P<verb>{_ANY})\b"
    r"(?! (?:by|within|only|if|when|as|from|until|to be|per)\b)", re.I)
# Says that something has been done, and not what.
_ALL_DONE = re_compile(r"^(?:(?:you['’]re |you are )?all (?:set|done)|done)\b\W*|"
                       r"^(?:this|that|it|everything)(?:['’]s| is| has been) (?:now )?"
                       r"(?:all )?(?:done|taken care of|sorted)\b|"
                       r"\b(?:is|are) now (?:on|at|in|under|for)\b|"
                       r"\bnow (?:holds|contains|reads|has)\b", re.I)



def has_any(text: str, signs: Iterable[str]) -> bool:
    """Whether one of these, in small letters, stands in a text: far faster than the expression of
    which each match holds one."""
    return any(map(text.lower().__contains__, signs))

def refuses(answer: str) -> bool:
    """Whether an answer says with its first words that it could not, and says little more."""
    text = one_line(answer[:1200])
    return len(text) <= 600 and bool(_REFUSES.match(text)) \
        or len(text) <= 300 and bool(_LACKING.match(text) or _BROKEN.match(text)
                                       or _REFUSES_ELSEWHERE.match(text))


# A refusal in other languages, and the text of a service that broke.
_BROKEN = re_compile(r"\W*\w*(?: \w+)? ?error\W{1,3}(?:code )?[45]\d\d\b", re.I)
_REFUSES_ELSEWHERE = re_compile(
    r"\W{0,3}(?:désolée?|lo siento|leider|entschuldigung|es tut mir leid|desculpe|mi dispiace|"
    r"przepraszam|helaas|beklager|tyvärr|извините|к сожалению|很?抱歉|对不起|申し訳|죄송|"
    r"je ne (?:peux|sais) pas|ich kann (?:\w+ ){0,3}nicht|no puedo|no sé|não (?:posso|sei)|"
    r"non (?:posso|so)\b|nie (?:mogę|wiem)|не (?:могу|знаю)|我?(?:不能|无法)|わかりません)", re.I)
_GOES_ON = re_compile(r"\b(?:but|however|though|so|probably|likely|guess\w*|perhaps|maybe|"
                      r"answer is|would be|assum\w+|best)\b|[:=;—]|[.!?] +\w", re.I)


def refuses_alone(answer: str) -> bool:
    """Whether an answer is a refusal of one clause, so that what stands in it answers nothing, or
    the text of a service that broke."""
    return refuses(answer) and not _GOES_ON.search(answer.strip()) \
        or len(answer) <= 300 and bool(_BROKEN.match(answer))


def withdraws(answer: str) -> bool:
    """Whether an answer says of something that it could not be done."""
    return bool(_WITHDRAWN.search(answer))


def lacks_input(answer: str, question: str) -> bool:
    """Whether a short answer says that what the question names was not given."""
    found = _NOT_GIVEN.search(answer) if len(answer) <= 600 else None
    return found is not None and any(
        noun.casefold().removesuffix("s") in question.casefold()
        for noun in re.findall(_SHOWN, found[0], re.I))


def uncounted(answer: str) -> str:
    """An answer without the numbers that count steps and the like."""
    return _ORDINALS.sub(" ", answer)


def allows_nothing(question: str) -> bool:
    """Whether a question says that nothing may be the right answer."""
    return bool(_ALLOWS.search(question))


def abstains(answer: str) -> bool:
    """Whether an answer is nothing but the word that there is none."""
    return len(answer) <= 80 and bool(_ABSTAINS.fullmatch(answer.strip()))


def denies(expected: str) -> bool:
    """Whether what is expected may be that nothing is done or said."""
    return bool(_DENIED.search(expected))


def kinds(verb: str) -> frozenset[str]:
    """The kinds of change that a verb may speak of; all of them for `done`."""
    if verb == "done":
        return frozenset(_KINDS)
    return frozenset(kind for kind, words in _VERBS.items() if words.fullmatch(verb))


def kinds_of_tool(name: str) -> tuple[frozenset[str], frozenset[str]]:
    """(what the first verb of a tool's name does, what any word of it may do)."""
    spread = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    found = [kinds(word) for word in re.split(r"[^A-Za-z]+", spread) if word]
    found = [some for some in found if some]
    return (found[0], frozenset().union(*found)) if found else (frozenset(), frozenset())


def claims(text: str) -> list[tuple[str, str, bool]]:
    """(verb, or `done`; the sentence; whether the speaker says it of an own deed) of each claim
    that something has been done, those left out that a later sentence takes back."""
    found: list[tuple[str, str, bool]] = []
    for sentence in _SENTENCE_END.split(text):
        stripped = sentence.strip().strip("*_#>- \t")
        low = stripped.casefold()
        match = next((match for match in _CLAIM.finditer(stripped)
                      if match["verb"].lower().endswith(_DONE)), None) \
            if any(map(low.__contains__, _DONE)) and (
                any(map(low.__contains__, _LEADS)) or _STARTS.match(low)) else None
        state = None if match else _STATE.match(stripped)
        if stripped.endswith("?"):
            continue
        if match and _NOTHING.match(stripped, match.end()):
            found.clear()
        elif match and match["verb"].lower() == "opened" and _LOOKS.search(stripped, match.end()):
            continue
        elif match and not _HEDGES.search(stripped[:match.end()]):
            found.append((match["verb"].lower(), stripped, match["passive"] is None))
        elif state and state["verb"].lower().endswith(_DONE[:-2]) \
                and not _HEDGES.search(state[0]) \
                and not _WITHDRAWN.search(text[:text.find(stripped)]):
            found.append((state["verb"].lower(), stripped, False))
        elif any(map(low.__contains__, _ALL_SIGNS)) and _ALL_DONE.search(stripped) \
                and not _HEDGES.search(stripped):
            found.append(("done", stripped, False))
        elif found and (_WITHDRAWN.search(stripped) or _BUT.search(stripped)):
            found.clear()
    return found


# What is so after a deed, as a sentence may say it.
_STATES = re_compile(
    rf"{_REPORTS.pattern}|^(?:done|finished|delivered|\w+ed)\b(?=\W*$|[,.!;:]| [-–—] )|"
    r"\w+ed successfully\b|"
    r"\b(?:is|are)(?: now)? (?:active|open|closed|on|off|live|enabled|disabled|blocked|up|"
    r"running|ready|correct|gone|there|in stock|free|on board)\b", re.I)


def states(text: str) -> list[str]:
    """The sentences that report a deed, or what is so after one, as `reports` does."""
    return reports(text, _STATES)


def reports(text: str, form: re.Pattern[str] = _REPORTS) -> list[str]:
    """The sentences that report a deed as done, of a text that admits nothing undone: looser than
    `claims`, for deeds of which the record says that they were not done."""
    if _WITHDRAWN.search(text) or _ADMITS.search(text):
        return []
    sentences = (one.strip().strip("*_#>- \t") for one in _SENTENCE_END.split(text)
                 if not one.rstrip().endswith("?"))
    return [told for one in sentences if not _NOT_SO.search(one) and not _in_part(one)
            and (told := _before_modal(one)) and form.search(told)]


def _in_part(sentence: str) -> bool:
    """Whether a sentence counts less than the whole: `3 of 4 were moved`."""
    return any(int(a) < int(b) for a, b in _SHARE.findall(sentence))


def _before_modal(sentence: str) -> str:
    """The clauses of a sentence before the first that says what will or can be."""
    modal = _MODAL.search(sentence)
    if not modal:
        return sentence
    start = sentence[:modal.start()]
    return start[:max(start.rfind(","), start.rfind(";"), start.rfind(" and "), 0)]


def kinds_told(sentence: str) -> frozenset[str]:
    """The kinds of change that the participles of a sentence speak of."""
    told = (kinds(word) for word in re.findall(r"[a-z]+(?:-[a-z]+)?", sentence.casefold())
            if word.endswith(_DONE))
    out = kinds("sent") if re.search(r"\b(?:went|gone) out\b", sentence, re.I) else frozenset()
    return out.union(*told)
