"""The words in which infrastructure says that it broke: as an ending, in the place of an answer, as
the result of a tool, and where a check should speak."""

import re
from functools import lru_cache

from failure_analysis.datapoint import NOT_COUNTED
from failure_analysis.tool_checks import parsed_arguments

_ENDED = re.compile(
    r"(infra|infrastructure|api|server|network|connection|system|harness|sandbox|container|"
    r"internal|unexpected|environment|provider|rate_?limit|service)\w*[_ -]?"
    r"(error|errors|failure|limit|limited|unavailable|exceeded|exception)|^(crash|crashed)$|"
    r"\bhttp[_ -]?(status[_ -]?)?(408|429|5\d\d)(?!\d)|overloaded|(^|_|\b)preempt(ed|ion)|"
    r"(worker|node|pod|instance|machine|browser|page|tab|kernel|process|session|runtime|vm|"
    r"simulator|emulator|device|desktop|display|engine|backend|driver|executor|game|shell|"
    r"host)[_ -]"
    r"(lost|died|dead|killed|evicted|terminated|crash(ed)?|disconnected|gone|hung|unreachable)\b|"
    r"(^|_)(oom([_-]?killed)?|sigkill|segfault|segmentation_fault)$|"
    r"(connection|stream|socket)[_ ](lost|reset|dropped|broken|closed|aborted|interrupted)|"
    r"bad_?gateway|(service|server|backend|provider)[_ -](is[_ -])?down\b|"
    r"\b(agent|env\w*|sandbox|docker|image|dependenc\w+|package)_?(install\w*|set_?up|start_?up|"
    r"build|pull|boot)_?(failed|failure|error|timeout(_?error)?)$|"
    r"(user|simulat\w*|sim|orchestrat\w*|runner|executor|worker|transport|gateway|proxy|upstream|"
    r"grpc|rpc|socket|dns|tls|ssl|auth\w*|quota|billing|storage|database|grader|evaluator|judge)"
    r"[_ -](error|failure|exception|unavailable|exceeded|expired)$|"
    r"^(context_?(length|window)_?exceeded|quota_exceeded|disk_full|out_of_memory)$",
    re.I)
# What no task ends in: the line to a model or a server.
_OF_A_LINE = re.compile(r"(?:^|[\W_])(?:upstream|connect(?:ion|ing)?|gateway|sockets?|network|dns|"
                        r"tls|ssl|proxy|endpoint|peer|unreachable|stream|econn\w+|inference|"
                        r"transport|(?:api|llm|model)[ _]?(?:call|server|request))(?:[\W_]|$)",
                        re.I)
_CODE = r"(?:408|429|50\d|52\d)\b"
# What may follow, so that no sentence goes on.
_STOP = (r"(?=\s*(?:$|[.:;,!?(\[{\n<\"'-]|please|try|retry|with other|right now|at the moment))")
# What may stand before: a mark, the name of what speaks, its code.
_BEFORE = (r"^\W*((an? )?error( occurred)?[:\s]*)?((upstream|gateway|backend|server|provider|proxy|"
           r"status|model|endpoint|api|llm|request)"
           r"( (model|server|service|api|provider|request|call))?( error)?( (returned|replied|"
           r"responded|answered|failed)( with)?)?[:\s]+)?(http[\s/\d.]*?)?"
           r"((?:error|status) code[: ]*)?")
# One of these stands in each such text.
_SIGNS = ("error", "limit", "unavailable", "gateway", "time", "memory", "overload", "traceback",
          "connection", "stream", "pipe", "request", "busy", "capacity", "response", "preempt",
          "worker", "lost", "killed", "throttl", "exception", "context length", "too long", "quota",
          "api key", "api_key", "api-key")
_ANSWER = re.compile(
    _BEFORE + r"(?:" + _CODE + r"[^.;\d\n]{0,80}(too many requests|rate.?limit|bad gateway|"
    r"unavailable|timeout|timed out|overloaded|error\b)|(internal[ _]server[ _]error|bad gateway|"
    r"service (is )?(temporarily )?unavailable|gateway time-?out)" + _STOP + r"|(connection|"
    r"stream) (error|reset|refused|aborted|timed out|closed|lost|broken|dropped|interrupted)|"
    r"rate[ _-]?limit([ _-]?(ed|exceeded|reached|error|hit))|"
    r"(openai|anthropic|httpx|requests|litellm|urllib3|aiohttp|grpc|api|botocore)[\w.]*"
    r"(error|exception|timeout|throttl\w+)|traceback \(most recent call last\)|read timed out|"
    r"upstream (connect )?error|remote end closed connection|broken pipe|"
    r"(the )?(model|engine|server|service|system) is (currently |temporarily |too )?"
    r"(overloaded|at capacity|busy|unavailable)" + _STOP + r"|overloaded_error|"
    r"((torch\.)?cuda[\w. ]*|gpu )(error: )?out ?of ?memory|"
    r"this model's maximum context length is \d|(?:prompt|input|request) is too long[:.] \d|"
    r"(?:you )?(?:have )?exceeded (?:your )?(?:current )?(?:quota|rate limit)|"
    r"(?:invalid|incorrect|expired|missing) api[ _-]?key|insufficient[ _]quota|"
    r"out of memory[.: (]+(tried to allocate|cuda|gpu|killed|worker))", re.I)
_PAGE = re.compile(r"^\s*(?:<!doctype html[^>]*>\s*)?<(?:html|head|title|center|h1)\b", re.I)
_PAGE_SAYS = re.compile(r"<(?:title|h1)>\s*(?:error\s*)?(?:" + _CODE + r"|(?:bad gateway|service "
                        r"(?:temporarily )?unavailable|gateway time-?out|internal server error|"
                        r"too many requests))", re.I)
_STANDS_FOR = re.compile(
    r"^\s*[<\[({]+[^<>\n]{0,60}\b(?:(?:worker|job|node|run|request|generation|inference|"
    r"provider|api|server|model call) (?:was |has )?(?:preempted|evicted|killed|lost|crashed|"
    r"timed out|timeout|failed|failure|error|aborted|unavailable)|(?:no|empty|missing|lost) "
    r"(?:response|answer|output|completion|reply|generation|content)\b[^<>\n]{1,40}\b(?:time-?out|"
    r"timed out|error|failed|lost|killed|aborted|crash\w*|rate.?limit\w*|connection|"
    r"unavailable))\b[^<>\n]{0,60}[>\])}]+\s*$", re.I)
_FAULT_KEYS = frozenset(("error", "errors", "detail", "message", "type", "code", "status", "param",
                         "request_id", "requestid", "id", "object", "timestamp", "retry_after",
                         "error_code", "status_code", "statuscode", "title", "path", "success"))
_FAULT_WORDS = re.compile(
    r"overloaded|(internal|server|api|rate|timeout|connection|unavailable)[_ ]?(server[_ ])?(error|"
    r"limit|exceeded)|timed? ?out|unexpected error|unavailable|try again later|bad gateway|"
    r"too many requests|out of memory|\"error.{0,200}\"(code|status)\": ?" + _CODE, re.I | re.S)
_OF_ERRORS = re.compile(r"\bhttp\b|status code|(?<!standard )(?<!rounding )(?<!sampling )"
                        r"(?<!squared )(?<!absolute )(?<!relative )(?<!margin of )(?<!type i )"
                        r"\berrors?\b(?! (?:probabilit|rate|bar|margin|term|of measure))|"
                        r"exception|gateway|traceback|time-?out|\bhtml\b|web ?page", re.I)
ERROR_END = re.compile(r"(^|_|\b)(error|exception|timeout|timed_out|crash(ed)?|aborted)(_|\b|$)",
                       re.I)


# An error by its name or its number, and what no answer is about.
_NAMED = re.compile(r"\W*(?:an error occurred \(|[45]\d\d\W+)?(?:[a-z_]\w*\.)*[A-Z]\w*(?:Error|"
                    r"Exception|NotFound|Time-?[Oo]ut|Failure|Unavailable|Exceeded)\b\W|"
                    r"\W*[^\W\d]+ (?:code:? )?(?:408|429|5\d\d)\s?[:：]")
_OF_A_MACHINE = re.compile(
    r"\bmemory\b|quota|throttl|deployment|credential|too many requests|\bserver\b|rate.?limit|"
    r"\bapi\b|retries|could not process|" + _OF_A_LINE.pattern, re.I)
# The last line, where a line broke off in the midst of a text.
_BROKEN_OFF = re.compile(r"\W{0,2}[\[(<][^\[\]()<>]{0,40}(?:error|fail|abort|interrupt|lost|closed|"
                         r"reset)[^\[\]()<>]{0,40}[\])>]", re.I)


@lru_cache(1 << 10)
def ended(termination: str) -> bool:
    """Whether an ending is one of the infrastructure."""
    return termination in NOT_COUNTED or bool(_ENDED.search(termination)) \
        or ":" in termination and bool(_ENDED.search(termination.partition(":")[0])) \
        or bool(ERROR_END.search(termination) and _OF_A_LINE.search(termination))


def stands_for_answer(answer: str, question: str, termination: str) -> bool:
    """Whether an error of the infrastructure stands in the place of an answer. Not where the
    question is about errors, unless the run ended in one."""
    start = answer[:300].lower()
    if not (_ANSWER.match(start) or (_PAGE.match(start) and _PAGE_SAYS.search(answer[:1_000]))
            or _STANDS_FOR.match(answer[:400]) or _is_fault(answer)
            or _NAMED.match(answer[:300]) and _OF_A_MACHINE.search(answer[:600])) \
            or not any(map(start.__contains__, _SIGNS)):
        return False
    return bool(ERROR_END.search(termination)) or ended(termination) \
        or not _OF_ERRORS.search(question)


_ENDS = re.compile(
    r"^\W*(?:\w+: ?)?(?:[\w.]*(?:error|exception)\b\W*(?:\(?\w+\)?\W+)?)?(?:database (?:\w+ )?is "
    r"locked|deadlock|(?:fatal: ?)?(?:sorry, )?too many (?:connections|clients)|"
    r"server closed the connection|"
    r"connection (?:refused|reset|timed out|lost|closed|aborted|already closed)|lost connection|"
    r"could not connect|(?:can't|cannot|unable to) (?:connect|open database)|"
    r"(?:no space left|disk (?:is )?full|disk i/o error)|"
    r"(?:lock wait|statement|query|read|gateway) time-?out|max retries "
    r"exceeded|(?:http|status)[\s/:.\d]*? ?" + _CODE + r"|the database "
    r"system is (?:starting|shutting)|database or disk is full|ssl \w+ (?:error|closed))", re.I)


def ends_in_error(answer: str, termination: str) -> bool:
    """Whether a run that ended in an error has one of the infrastructure in its last line, or that
    line is what a line that broke left behind a text."""
    if not (text := answer.strip()):
        return False
    last = text[text.rfind("\n") + 1:][:300]
    if last[:1] in "[(<" and len(last) < len(text) and _BROKEN_OFF.match(last) \
            and _OF_A_LINE.search(last):
        return True
    return bool(ERROR_END.search(termination) and _ENDS.match(last))


def _is_fault(answer: str) -> bool:
    """Whether an answer is the JSON object in which a server says what went wrong."""
    text = answer.strip()
    if text[:1] != "{" or len(text) > 1_000 or not ('"error' in text or '"detail"' in text):
        return False
    if not isinstance(said := parsed_arguments(text), dict):
        return False
    keys = {str(key).lower() for part in (said, said.get("error")) if isinstance(part, dict)
            for key in part}
    return bool(keys & {"error", "errors", "detail"}) and keys <= _FAULT_KEYS \
        and bool(_FAULT_WORDS.search(text))


NETWORK = re.compile(
    r"name resolution|could(?: not|n['’]t) resolve|getaddrinfo|\bENOTFOUND\b|\bEAI_AGAIN\b|"
    r"network is (?:unreachable|down)|no route to host|nodename nor servname|"
    r"name or service not known|unknown host|temporary failure resolving|NewConnectionError|"
    r"failed to establish a new connection|no such host|"
    r"network (?:access )?(?:is )?(?:disabled|blocked|not available)|"
    r"(?:no|without) (?:internet|network) (?:access|connection)|unable to resolve host", re.I)
# One of these stands in each such text.
NETWORK_SIGNS = ("resol", "getaddrinfo", "enotfound", "eai_again", "network", "no route",
                 "nodename", "not known", "unknown host", "connection", "no such host")
_TECHNICAL = re.compile(
    r"connection|\bhttp|timed? ?out|max retries|\b50[0-4]\b|internal (server )?error|"
    r"(temporarily |service )unavailable|traceback|exception|\w+Error\b|broken pipe|"
    r"no space left|segmentation fault|out of memory|database is locked|not implemented|"
    r"name resolution|could not resolve|getaddrinfo|_errors\.Error|net::err_|\beconn\w+|"
    r"\bepipe|disconnected|server [^\n]{0,40}(?:crashed|exited|unreachable|is down)|"
    r"\betimedout|\benotfound|\behostunreach|\beai_again|not ?registered|no handler|not ?wired|"
    r"cannot allocate|resource temporarily unavailable|oom-?killed|exit(?:ed)? (?:with )?"
    r"(?:code |status )?(?:137|139|134)\b|core dumped|bus error|illegal instruction|"
    r"certificate|\bssl\b|\btls\b|"
    r"(?:page|target|browser|context|tab)[^\n]{0,40} (?:closed|crashed)|"
    r"read-only file system|disk quota|i/o error|input/output error|too many open files|"
    r"(?:invalid|expired|missing|incorrect|no|bad) (?:api[ _-]?)?(?:key|token|credentials?|"
    r"licen[cs]e)\b|licen[cs]e[^\n]{0,20} (?:expired|invalid|not found)|"
    r"command not found|\bsh: (?:\d+: )?[\w./+-]+: not found|no module named|"
    r"cannot open shared object|exec format error|"
    r"not (?:installed|mounted|running|started)|\bmount|no such device|failed to (?:start|launch|"
    r"connect|load|initiali[sz]e)|could not (?:connect|start|launch)|unreachable|"
    r"session (?:not created|expired|closed)|quota exceeded|code ?= ?(?:unavailable|internal|"
    r"unauthenticated|unimplemented|deadlineexceeded|resourceexhausted)|"
    r"^[\w./-]*\benv: |\benoent\b|bad interpreter|not recognized as|"
    r"unexpected keyword arg|required positional arg|address already in use|not loaded|"
    r"handler missing|\b(?:408|429|52\d)\b|object object\]|"
    r"is (?:down|offline|out of order)\b", re.I)
# A tool that the schema has and nothing runs.
_UNWIRED = (r"(?:\w*(?:tool|handler|function|endpoint)\w*[ :'\"`\w]{0,40}?(?:is )?(?:"
            r"not ?registered|not ?implemented|not ?wired|no handler|handler missing|"
            r"not connected|out of order|"
            r"offline|disabled)\b|no (?:handler|implementation|backend|executor) "
            r"(?:is )?(?:registered|found|configured|for)\b)")
# The program that a tool starts is not there.
_NO_PROGRAM = (r"(?:[\w./-]*\benv: )[\"'‘`]?[\w.+-]+[\"'’`]?: no such file or directory|"
               r"(?:ba|da|z)?sh: (?:line )?(?:\d+: )?[\w./+-]+: not found|"
               r"(?:error: )?spawn [\w./-]+ enoent|[\w./-]+: bad interpreter\b|"
               r"[\"'‘`]?[\w./-]+[\"'’`]? is not recognized as an internal")
# A result that is nothing but such words, whatever it is called.
_FAILED = re.compile(
    r"^\W*(?:(?:the )?(?:\w+[ _-])?(?:upstream|gateway|backend|server|service|provider|proxy|api|"
    r"tool|endpoint|host|status|request)(?: (?:error|failure|failed(?: with)?|returned|replied|"
    r"responded(?: with)?|answered(?: with)?|status|code|is|was))*[:\s]+)?(?:an? )?"
    r"(?:error[:\s]*)?(?:http[\s/\d.]*?)?(?:" + _CODE + r"[\s:-]+(?:[a-z]+ ){0,2}"
    r"(?:unavailable|bad gateway|time-?out|timed out|error|too many requests)\b|" + _CODE
    + r"(?=\W*(?:$|[:;,-] ?[\w-]+[ -](?:service|server|api)\b))|" + _UNWIRED
    + r"|(?:could not resolve|"
    r"temporary failure in name)|[\w.]*(?:error|exception): |(?:bad gateway|service unavailable|"
    r"gateway time-?out|internal server error)(?: \(?\d{3})?\W*$|no space left on device|"
    r"database is locked|connection (?:\w+ )?(?:refused|reset|closed|lost|aborted|timed out)\b|"
    r"[\w.]{3,}(?:disconnected|refused|timed?out|unreachable|unavailable|aborted|failure|"
    r"interrupted|closed|notconnected): (?=[a-z])|(?:\w+: ){0,2}(?:unable|"
    r"failed) to connect to [^\n]{3,80}(?:time-?out|timed out|refused|unreachable|reset|no route|"
    r"down)\b|net::err_(?!aborted|blocked|file_not|invalid)\w+|econn\w+\b|etimedout\b|"
    r"ehostunreach\b|epipe\b|(?:\w+ )?server [^\n]{0,40}\b(?:disconnected|crashed|exited|"
    r"not running|unreachable|is down)\b|(?:[\w./-]+: )*(?:fork: |line \d+: )?(?:cannot allocate|"
    r"resource temporarily unavailable|segmentation fault|bus error|illegal instruction|killed\W*$|"
    r"out of memory|too many open files|input/output error|exec format error|"
    r"cannot open shared object|"
    r"command not found\W*$)|" + _NO_PROGRAM + r"|"
    r"(?:\w+: )?(?:container|sandbox|pod|vm) (?:was )?(?:killed|oom\w*|evicted|stopped|exited)|"
    r"curl: \(\d+\)|(?:\w+: )?(?:target )?(?:page|browser|context|"
    r"tab)[^\n]{0,40}(?:has been closed|crashed|was closed)|ssl\b[^\n]{0,80}certificate|"
    r"[^\n]{0,80}\bcertificate (?:has expired|verify failed|is not trusted|expired)|"
    r"(?:[\w./-]+: )+[^\n]{0,80}read-only file system|\{[^\n]{0,60}(?:40[13]|unauthori[sz]ed|"
    r"forbidden)\b[^\n]{0,60}(?:invalid|expired|missing) (?:api[ _-]?)?(?:key|token|licen[cs]e|"
    r"credential)|(?:invalid|expired|missing) (?:api[ _-]?)?(?:key|licen[cs]e)|object object\]\W*$|"
    r"licen[cs]e[^\n]{0,30} (?:expired|invalid|not found)|(?:grpc|rpc) (?:error|"
    r"status)[^\n]{0,20}code ?= ?(?:unavailable|internal|unauthenticated|unimplemented|"
    r"deadlineexceeded|resourceexhausted)|(?:this|the) (?:site|page|server|web ?site) (?:can['’]?t|"
    r"cannot|could not|is not|isn['’]t) (?:be )?(?:reach\w*|load\w*|available|respond\w*|"
    r"open\w*)\b)", re.I)
# What stands anywhere in such a result: the system's own name of an error, a call that its program
# does not take.
_ANY_PLACE = re.compile(r"\bE(?:CONN[A-Z]+|TIMEDOUT|HOSTUNREACH|NETUNREACH|AI_AGAIN|NOTFOUND|"
                        r"PIPE)\b|\bunexpected keyword argument\b|\d required positional argument")
_TAGS = re.compile(r"<[^<>]{1,200}>")


def technical(result: str) -> bool:
    """Whether the result of a tool that failed is an error of the technology and no refusal."""
    return bool(_TECHNICAL.search(result))


_OF_ONE_COMMAND = re.compile(
    r"curl: |command not found|read-only|certificate|no module|\bmount|"
    r"not (?:installed|mounted|running|started)|no such device|"
    r"failed to (?:start|connect|load)|unreachable|credential", re.I)


def any_command(result: str) -> bool:
    """Whether an error is none that one command may have had of its own."""
    return not _OF_ONE_COMMAND.search(result)


def failed(result: str) -> bool:
    """Whether a result is an error of the technology, though it is not marked as one."""
    bare = _TAGS.sub(" ", result) if len(result) < 2_000 and "<" in result else result
    return len(result) < 2_000 and bool(_FAILED.match(bare)) \
        or len(result) < 300 and (" argument" in result or "E" in result) \
        and bool(_ANY_PLACE.search(result))


_MACHINE = r"(?:docker|podman|kubectl|kubernetes|containerd|sandbox|container|harness|runner|vm)"
_JUDGE = r"(?:judge|grader|evaluator|verifier|scorer|checker|grading|judging|evaluation)"
_VERDICT = r"(?:verdict|rating|scores?|grade|judge?ment|decision)"
_REPLY = r"(?:reply|response|output|answer|verdict|json|completion|message|result)"
_UNREAD = re.compile(
    r"^\W*(?:\w+(?:error|exception)\W+)?(?:(?:(?:could|can|did) ?n[o']t|failed to|unable to|"
    r"error(?: while)?|failure) (?:parse|parsing|read|reading|decode|decoding|extract|extracting|"
    rf"find)\b[^\n.]{{0,30}}?\b(?:{_JUDGE}(?:'s)?\b|{_VERDICT}\b[^\n.]{{0,20}}\b(?:from|in|of) "
    rf"(?:the )?(?:{_JUDGE}|{_REPLY}\b|model))|"
    rf"(?:the )?{_JUDGE}(?:'s)?(?:[ _-](?:model|llm))?(?:'s)?[ _-]"
    rf"{_REPLY}\b[^\n.]{{0,20}}?\b(?:could not be|cannot be|can't be|was not|is not|not|un|"
    r"in|mal|is empty|was empty|truncated)[ -]?(?:\w*pars\w*|read|valid\b|formed|decod\w*|json|$|"
    r"\W)|(?:no|empty|missing|invalid|malformed|un-?pars\w+)(?: \w+)? "
    rf"(?:{_JUDGE}(?:'s)? (?:model )?{_REPLY}|{_VERDICT} (?:found|returned|given|in|from|by|"
    rf"could be)\b)|{_JUDGE}\w*[ _-]?(?:parse|parsing|json|format)[ _-]?(?:error|failure|"
    r"failed))", re.I)
_UNCHECKED = re.compile(
    r"^\W*(?:(?:checks?|tests?|results?|log|status|error): )?(?:"
    r"(?:sandbox|harness|runner|vm|docker)(?: internal| infrastructure)? error\s*[:(]|"
    r"(?:runner|harness|grader|checker): \w*(?:Engine|Runner|Harness|Sandbox|Worker)Error\b|"
    r"(?:runner|harness|grader|checker|sandbox|executor|worker|host)\b[^\n]{0,40}"
    r"(?:cannot allocate|no space|out of memory|oom-?killed|too many open files|"
    r"resource temporarily unavailable|"
    r"exec format error|command not found|read-only file system|could not be started)|"
    r"(?:\w+\.)*(?:ratelimit|api(?:connection|timeout|status)|serviceunavailable|overloaded)\w*"
    r"(?:error|exception)\b|(?:the )?(?:test |grading |evaluation )?" + _MACHINE
    + r"[^\n:]{0,15} (?:failed to (?:start|create|pull)|unavailable|"
    r"not (?:running|reachable|available)|(?:could|can|did|was|is)(?: not|n[o']t) (?:be )?"
    r"(?:start|creat|launch|reach|pull|built|found|boot|provision)\w*|(?:was |is )?(?:removed|gone|"
    r"lost|evicted)\b)|"
    r"(?:docker: )?error response from daemon: [^\n]{0,60}(?:no space|time-?out|connection refused|"
    r"failed to create|too ?many ?requests|oci runtime|no such image|manifest unknown|"
    r"pull access denied)|(?:oserror[^\n]{0,20})?no space left on device|"
    r"(?:\w+: )?(?:cannot connect to the docker daemon|unable to find image|"
    r"oci runtime [^\n]{0,30}(?:failed|error)|(?:err)?image ?pull ?back ?off|errimagepull|"
    r"(?:failed|unable) to (?:start|create|pull|launch|boot|reach|provision|allocate)\b[^\n:]{0,30}"
    r"\b" + _MACHINE + r"|(?:failed|unable) to pull\b|pod (?:was )?evicted|oomkilled)|"
    + _JUDGE + r"(?:[ _-](?:model|llm|api|request|call|reply|response))?[ _-]?"
    r"(?:error(?=\W*$|[:.(])|failed(?=\W*$|[:.(])|"
    r"crashed|unavailable|timed out|time-?out|overloaded|rate.?limited|"
    r"(?:could|did) not (?:run|start|"
    r"respond|answer|be reached))|" + _JUDGE + r"[^\n.]{0,40}\b(?:" + _CODE + r"|connection "
    r"(?:error|refused|reset)|rate.?limit|database is locked)|(?:the )?(?:checks?|tests?) "
    r"(?:were|was|could|did) not (?:be )?(?:run|executed|started?)\b[^\n]{0,30}" + _MACHINE
    + r"|(?:rate limit (?:exceeded|reached|error|hit)|service unavailable|internal server error|"
    r"bad gateway|connection (?:refused|reset|error))" + _STOP + r")", re.I)
_LOCKED = re.compile(r"^[\w.]*(?:error|exception)?\W*(?:database is locked|unable to open database|"
                     r"too many connections|could not connect to server|server closed the "
                     r"connection)", re.I)
_UNCOLLECTED = re.compile(
    r"\bconftest\.py:\d+: in <module>\s+(?:import|from) \S+[^\n]*\n"
    r"E +(?:ModuleNotFound|Import)Error|"
    r"\bERROR collecting (?:[^\n]*\n){1,40}?(?:[^\n]*\btest_?\w*\.py:\d+: in <module>\n"
    r"(?:(?!E |[^\n]*\.py:\d+: in )[^\n]*\n){1,9}E +(?:Type|Name|Value|ZeroDivision)Error|"
    r"E +File \"[^\"\n]*\btest_?\w*\.py\", line \d+\n(?:E[^\n]*\n){0,4}E +(?:Syntax|Indentation|"
    r"Tab)Error)")
_UNDECODED = re.compile(r"(?:\w+\.)*JSONDecodeError: [^\n]{0,120}")
_WORDS_OF_A_CHECK = 250
# A verdict that stands for one that could not be given, and what broke. What fails may be the code
# of the model too, for which a score is set to 0 and is no default.
_DEFAULTED = re.compile(
    r"\b(?:scores?|verdicts?|grades?|ratings?|results?|dimensions?|outcome|decision|judge?ment|"
    r"labels?|values?|it|all)\b[^.;\n]{0,20}?(?:=|:| to| as)?\s*\b(?:default|fallback)|"
    r"\b(?:default(?:s|ed|ing)?|fall(?:s|ing)? back|fell back|fallback)\b"
    r"[^.;\n]{0,30}?(?:\b0\b|zero|false|fail|default)", re.I)
_SET = re.compile(r"\b(?:scores?|verdict|grades?|ratings?|dimensions)\b[^.;\n]{0,15}\bset to (?:0|"
                  r"zero|false|fail\w*|none|null)\b", re.I)
_NO_REPLY = re.compile(
    r"json\w*error|\b(?:http[ /\d.]*)?(?:429|50\d|408)\b|rate.?limit|unavailable|overloaded|"
    r"could not (?:be )?pars|un-?pars|not pars|(?:empty|no|invalid|malformed) (?:reply|response|"
    r"answer|output|json)", re.I)
_BROKE = re.compile(rf"{_NO_REPLY.pattern}|traceback|\w+(?:error|exception)\b|crash|refused|"
                    r"unreachable|timed? ?-?out", re.I)
# What fetches the parts of a program before any test of it runs.
_FETCHES = re.compile(r"^\W*(?:go|pip|npm|yarn|pnpm|cargo|mvn|gradle|gem|bundler?|composer|nuget|"
                      r"dotnet|conda|apt(?:-get)?|poetry|uv|cabal|mix|swift|conan|curl|git|docker)\b|"
                      r"\b(?:proxy\.golang|pypi|npmjs|crates\.io|rubygems|maven|packagist|hackage|"
                      r"registry|mirror|repositor(?:y|ies)|packages?|dependenc(?:y|ies)|modules?)\b",
                      re.I)
_STARVED = re.compile(r"\b(?:ENOSPC|ENOMEM|EMFILE)\b|no space left on device|"
                      r"cannot allocate memory|disk quota exceeded|too many open files|"
                      r"read-only file system", re.I)


_NOT_BEGUN = re.compile(
    r"\busage: [^\n]{0,60}error: (?:unrecogni[sz]ed|unknown|invalid|no such|ambiguous)|"
    r"\bpull\w* (?:the )?image\b[^\n]{0,60}(?:time-?out|timed out|fail|denied)|"
    r"address already in use[^\n]{0,40}\b(?:held|taken|pid|by)\b", re.I)


def not_begun(log: str) -> bool:
    """Whether a check says that it was called wrongly, or its machine was not ready or taken."""
    return len(log) <= _WORDS_OF_A_CHECK and bool(_NOT_BEGUN.search(log))


def not_built(log: str) -> bool:
    """Whether a short log says that what a program is built of could not be fetched."""
    return bool(NETWORK.search(log) and _FETCHES.search(log))


BROKE_SIGNS = (*NETWORK_SIGNS, "enospc", "enomem", "emfile", "no space", "allocate", "quota",
               "too many open", "read-only")


_LACKS = re.compile(r"^\W*(?:/\w+)*/?(?:ba|da|z)?sh: (?:line )?(?:\d+: )?([\w.+-]+): (?:command )?"
                    r"not found\W*$|^\W*(?:/\w+)*/env: \W?([\w.+-]+)\W{1,2} ?no such file|"
                    r"^\W*make: ([\w.+-]+): (?:command not|no such file)", re.I | re.M)


def lacks(log: str, answer: str) -> bool:
    """Whether a check says that a program is not there which the answer does not call."""
    found = _LACKS.search(log)
    return found is not None and not re.search(
        rf"\b{re.escape(next(filter(None, found.groups())))}\b", answer)


def starved(log: str) -> bool:
    """Whether the log of tests says that their machine had no room left."""
    return bool(_STARVED.search(log))


def uncollected(judge: str, json_asked: bool = False) -> bool:
    """Whether the log of tests says that their own set-up lacks a module or their own file cannot
    be read, or all that a check says is that it could not decode what it was given, where no JSON
    is asked for."""
    return bool(not json_asked and _UNDECODED.fullmatch(judge.strip())) \
        or ("conftest.py" in judge or "ERROR collecting" in judge) \
        and bool(_UNCOLLECTED.search(judge))


def unchecked(judge: str, acted: bool, json_asked: bool = False) -> bool:
    """Whether what a check says is that it could not run. A locked database is the check's own only
    where the model had no tools to lock it with, JSON that cannot be read only where the model was
    not to write any."""
    text = judge.strip()
    if not text or len(text) > _WORDS_OF_A_CHECK:
        return False
    return bool(_UNCHECKED.match(text) or _UNREAD.match(text)
                or (not acted and _LOCKED.match(text))
                or not json_asked and (_DEFAULTED.search(text) and _BROKE.search(text)
                                       or _SET.search(text) and _NO_REPLY.search(text)))
