"""The words of urgency: ideas and the phrases that say them, and which ideas together are urgent.

Data only; pipeline.call.urgent reads it. It refuses to know clauses, negation and history.
A phrase is written after contractions are opened ("can't" is "can not"); "a/b c" stands for "a c" and "b c".
"""

from __future__ import annotations

NEAR_MISSES: dict[str, str] = {
    # A recogniser writes the commonest spelling of a sound, splits a long word, or loses an end consonant.
    "chest pane/pains/paying/pin": "chest pain",
    "chess/jest/chessed pain/pane/pains": "chest pain",
    "chess/jest/chessed hurts/hurt/tight/tightness/pressure": "chest pain",
    "my chess/jest/chessed": "my chest",
    "hard/heart/hart a/of/at tack/attack": "heart attack",
    "hart/hard attack": "heart attack",
    "can/could/not brief/breed/breeze/breach": "can not breathe",
    "can not brief/breed/breeze/breach": "can not breathe",
    "trouble brief/breeding/bleeding/reading/briefing air": "trouble breathing",
    "trouble breeding/briefing": "trouble breathing",
    "short of breadth/brief/bread": "short of breath",
    "shortness of breadth/brief/bread": "short of breath",
    "catch my breadth/bread/brief": "catch my breath",
    "not breeding/briefing": "not breathing",
    "sees your/you're": "seizure",
    "see sure/jure": "seizure",
    "caesar/scissor/seizer/seizures/caesars": "seizure",
    "over dose/does/dosed": "overdose",
    "sue/su/so/soon aside/side": "suicide",
    "sewer side": "suicide",
    "kill/killing/hurt/hurting my self": "kill myself",
    "my self": "myself",
    "un/and/an conscious": "unconscious",
    "past/pass/passed it out": "passed out",
    "past out": "passed out",
    "an emergency see": "an emergency",
    "a merge and see": "an emergency",
    "aloe/a allergic": "allergic",
    "bleating/bleed ing": "bleeding",
    "num/numbed": "numb",
    "face is dripping/grouping": "face is drooping",
    "having a strobe/stroked/strokes": "having a stroke",
    "is/am/are/feels/feel/so week": "is weak",
    "can seem/hardly to": "can not seem to",
    "an affair": "enough air",
    "a fair": "enough air",
    "speech/words is/are/was/been/has stored/stirred/slurs/third": "speech slurred",
    "just/i blood/block/black out": "just blacked out",
    "just/keep blocking/blood in/out out": "just blacked out",
    "thinking about changing/sending/bending my life": "ending my life",
    "soaking/soaked/soap prefer/through": "soaked through",
    "epipen/happy/epi/appy pen": "epi pen",
    "nose bleed/bleeds/bleeding": "nosebleed",
    "nine one one": "911",
    "in to labor/labour": "into labor",
    "labour": "labor",
    "sugar/glucose is one thirty": "sugar is 130",
    "sugar/glucose is one forty": "sugar is 140",
    "sugar/glucose is one fifty": "sugar is 150",
    "sugar/glucose is one/a hundred thirty": "sugar is 130",
    "sugar/glucose is one/a hundred forty": "sugar is 140",
    "sugar/glucose is one/a hundred fifty": "sugar is 150",
    "sugar/glucose is one/a hundred and thirty": "sugar is 130",
    "sugar/glucose is one/a hundred and forty": "sugar is 140",
    "sugar/glucose is one/a hundred and fifty": "sugar is 150",
}
"""What is written when a key phrase is said: the left side is read as the right."""

FIGURES = """
traffic/job/boss/heat/commute/parking/work/price/prices/copay is/are killing me|giving/gave/give me a heart attack with/when/over|
kids/boss/kid/dog/you are/is/gave giving/me a heart attack|are giving me a heart attack|almost/nearly gave me a heart attack|dying to/for|to die for|died/die laughing|dying laughing|kill for|killing me with|killing time|catch my breath i just|
let me catch my breath|scared me to death|bored to death|sick to death|over my dead body|heart set on|heart to heart|
heart broken|broke my heart|cross my heart|by heart|off my chest|stroke of luck/genius|bleeding edge|choked up|
heart skipped a beat when|save my life|poison ivy/oak/sumac|poison pill|there is a/another fire drill/station/department/alarm/truck/engine/pit/place/escape/sale/extinguisher/hydrant/inspection|poison control|emergency room/contact/contacts/department/exit/fund|
heart burn|chest of drawers|dead line/battery|head cold|chest cold/congestion|a stroke of|blew/blow my mind|
heart attack when i saw|not a big deal|no big deal|almost/nearly died of/from embarrassment|killer|my heart out|
died when i saw|drop dead gorgeous|my phone died|died on me|nearly/almost died laughing|shot/shots in the arm|
in/into labor day|it is back to normal/work/school|color/colour/night/snow blind/blindness|blind spot/spots/date
"""
"""Ways of speaking that say a key word and mean nothing by it."""

ADMIN_HEADS = frozenset(
    [
        "x",
        "xray",
        "ray",
        "scan",
        "mri",
        "ct",
        "ultrasound",
        "test",
        "tests",
        "results",
        "result",
        "clinic",
        "center",
        "centre",
        "unit",
        "ward",
        "medicine",
        "medication",
        "medications",
        "meds",
        "pill",
        "prescription",
        "refill",
        "rehab",
        "therapy",
        "disorder",
        "disorders",
        "support",
        "newsletter",
        "group",
        "form",
        "forms",
        "paperwork",
        "screening",
        "screenings",
        "prevention",
        "class",
        "classes",
        "course",
        "training",
        "program",
        "study",
        "research",
        "brochure",
        "pamphlet",
        "bill",
        "billing",
        "claim",
        "insurance",
        "plan",
        "contact",
        "study",
        "awareness",
        "fundraiser",
        "hotline",
        "log",
        "diary",
        "risk",
        "film",
        "films",
        "monitor",
        "follow",
        "association",
        "foundation",
        "line",
        "ulcer",
        "ulcers",
        "article",
        "book",
        "video",
        "kit",
        "rate",
        "tracker",
        "drill",
        "records",
        "record",
        "report",
        "paper",
        "poster",
        "letter",
        "survey",
        "history",
        "questionnaire",
        "cream",
        "drops",
        "survivor",
        "survivors",
    ]
)
"""After a key word these make it a noun of the office: "stroke clinic", "seizure medicine refill"."""

NO_HEADS_BEHIND = frozenset(
    [
        "my", "his", "her", "our", "their", "your", "the", "a", "an", "this", "that", "i", "he", "she", "it", "we", "they",
        "you", "is", "are", "was", "were", "has", "have", "said", "told",
    ]
)  # fmt: skip
"""Between a key word and a noun these say that they are not one: "i have chest pain my doctor said to call"."""
VERB_HEADS = frozenset(
    ["book", "contact", "test", "support", "report", "monitor", "record", "rate", "bill", "scan", "film", "study"]
)  # fmt: skip
OBJECTS = frozenset(
    ["me", "my", "him", "his", "her", "us", "our", "it", "them", "someone", "somebody", "an", "a", "the"]
)  # fmt: skip
"""Behind one of those they make a verb of it: "i have chest pain book me a visit"."""
MEDICINE_HEADS = frozenset(
    ["medicine", "medication", "medications", "meds", "pill", "pills", "prescription"]
)
FAILING = frozenset(["helping", "help", "working", "work", "touching"])
"""Behind "not": medicine that fails leaves the complaint as it was."""
DOCTOR_HEADS = frozenset(["doctor", "doctors", "specialist"])
"""Somebody's own or the office's is of the office ("my seizure doctor"); any other is called for."""
DOCTOR_FIELDS = frozenset(
    [
        "chest", "pain", "heart", "attack", "stroke", "seizure", "seizures", "breathing", "bleeding", "asthma", "allergy",
        "overdose", "fainting", "lung", "headache",
    ]
)  # fmt: skip
"""Between the owner and the doctor; "my chest hurts doctor" is said to one."""
DOCTOR_OWNERS = frozenset(["my", "your", "his", "her", "our", "their", "the", "that", "same"])
VISIT_HEADS = frozenset(["visit", "check", "checkup", "walk"])
"""After a key word these are wished for ("a chest pain visit") or told of: only the second is of the office."""
VISIT_OWNERS = frozenset(["a", "an", "the", "my", "his", "her", "our", "their", "that", "this"])
VISIT_TOLD = frozenset(["had", "from", "after", "since"])
"""Before the owner of a visit: "i had a chest pain visit"."""
VISIT_PAPERS = frozenset(
    ["bill", "results", "result", "letter", "report", "records", "notes", "claim", "receipt", "paperwork", "referral"]
)  # fmt: skip
"""Two words before the owner: "the bill for my chest pain visit"."""
VISIT_WISHED = frozenset(
    ["please", "me", "him", "her", "it", "us", "them", "on", "if", "my", "his", "today", "now", "tomorrow"]
)  # fmt: skip
"""Behind a visit or a check: it is wished for, or "check" is what is to be done ("she had a seizure check on her")."""
VISIT_KINDS = frozenset(
    ["last", "previous", "past", "old", "annual", "yearly", "regular", "routine"]
)
"""Behind the owner: "my last chest pain visit"."""

_AGES = (
    "one/two/three/four/five/six/seven/eight/nine/ten/eleven/twelve/thirteen/fourteen/fifteen/sixteen/seventeen/eighteen/"
    "nineteen/twenty/thirty/forty/fifty/sixty/seventy/" + "/".join(map(str, range(1, 90)))
)
HISTORY = f"""
when i/he/she was {_AGES}|when i/he/she was a/an/young/younger/little/small/born/growing/pregnant/about/around/only/like/there|
when i/he/she was in high/middle/college/school/grade/kindergarten/my|last refill/visit|twenty ten/eleven/twelve/thirteen/fourteen/fifteen/sixteen/seventeen/eighteen/nineteen|years/months/decades ago|a year/month ago|last year/month/spring/summer/fall/autumn/winter|
back in|as a child/baby/kid/teenager|in college/childhood|in the spring/summer/fall/winter/past|used to|died of/from|
history of|passed away|long time ago|years back|follow up after/for/from/on/about|follow up visit/appointment after/for/from/on/about|following up after/on|all better now|ever since i was|
decades ago|in january/february/march/april/may/june/july/august/september/october/november/december|
hace anos/meses|el ano pasado|in my twenties/thirties/forties|at age|healed|recovered from|survivor|runs in the/my|in high school
"""
NOW = """
right now|today|tonight|this morning/afternoon/evening/minute/second|again|at the moment|getting worse|since then|since last week/month/year/spring/summer/fall/winter|
minutes ago|an hour ago|hours ago|just now|just started|ahora|hoy|is back|came back|like last time|same as last time|
like before|happening|keeps|keep|still|suddenly|all of a sudden|worse
"""
HYPOTHETICAL = """
open in an|clinic/office open|first aid|is there a class/course/pamphlet/risk|class/course/training/pamphlet for/on/about|can this/these|cause/causes|
how would i/we/you know|how do i/we know|when/if i floss/brush/shave|after flossing/brushing/shaving|for the future|for future reference|
could this medicine/drug/pill/shot/vaccine|who do i/you/we call|who should i call|who would i call|what number do i|if i had/have/ever/get/got/were|if he/she/they/someone/somebody/you ever|
if someone/somebody/anyone/anybody|if it is/was/were|would a/the/you|could a/the|is it common|common after|
do/does you/the/your doctor/clinic/office/treat/offer/handle/take|in case of/i|just in case|school paper|for a paper/class/project|what happens if|what are the|
what is the difference|side effect/effects|can a/the|what do you do/recommend if/for|do you see/treat|is there a risk|
how do you know|can you get|what causes|hypothetically|i was wondering if|what counts as|is fainting/bleeding normal/common/okay/ok|your policy on|signs of
"""

WORSE = """
right now|getting worse|is worse|worse today/now|is back|came back|it hurts|still hurts|happening again|is really/so bad|is bad now|
will not go away|will not stop|not going away|not gone|not stopping
"""
"""What was told of is of now: "i need a follow up for chest pain it is getting worse"."""
WISHED = """
have/has/having/show/shows/showing signs of|have/has/having/show/shows/showing the/some/all signs of|can this be|
see/help me/him/her/us|get me a|get me/him/her in|fit/squeeze me/him/her in|get/come/be in|be/get seen|call/calls me|call/calls me back
"""
"""What is only supposed is wished for: "can the doctor see me for chest pain"."""
ASKING = """
can/could/would a/the/you/someone/somebody|do/does you/the/your/a|who do/should/would i/you/we|what number do|how do/would i/you/we|
what do/should i|what are/is|what happens|what causes|is it/this/that/there/the/my|are there/the/you|could/can this/that/it/these/my
"""
"""Begins a question: what was claimed before it is no part of it."""
ASKED = """
who do/should/would/can i/you/we call|what do/should/can i/we do|what number do i call|where do/should i go
"""
"""A whole question: who is spoken of behind it is so now ("who do i call he won't wake up")."""
SUPPOSING = frozenset(
    [
        "if", "when", "whenever", "for", "with", "about", "after", "before", "during", "in", "is", "are", "can", "could",
        "would", "do", "does", "what", "how", "who", "suppose", "say",
    ]
)  # fmt: skip
"""A clause that begins so is part of the question behind it: "for chest pain who do i call"."""
BACKGROUND = """
history of|runs in the/my|died of/from|passed away|as a child/baby/kid/teenager|in high school|in college/childhood|at age|used to|
ever since i was|in case of/i|in the spring/summer/fall/winter|just in case|side effect/effects|cause/causes|first aid|last refill/visit|
follow up after/for/from/on/about|follow up visit/appointment after/for/from/on/about|following up after/on|recovered from
"""
"""Told beside a complaint of now it takes nothing of it back: "i have chest pain heart disease runs in my family"."""

NEGATORS = frozenset(
    ["no", "not", "never", "without", "nobody", "none", "denies", "nor", "neither", "sin", "nunca"]
)
SCOPE_ENDS = frozenset(
    [
        "i",
        "he",
        "she",
        "it",
        "they",
        "we",
        "my",
        "his",
        "her",
        "their",
        "our",
        "there",
        "you",
        "this",
        "that",
        "but",
        "and",
        "now",
        "just",
        "only",
        "because",
        "so",
        "then",
        "why",
        "how",
        "yo",
        "el",
        "ella",
        "mi",
        "y",
        "pero",
        "except",
        "although",
        "though",
        "still",
        "when",
    ]
)
CLAUSE_ENDS = frozenset(
    [
        "but",
        "and",
        "now",
        "just",
        "because",
        "so",
        "then",
        "however",
        "although",
        "though",
        "pero",
        "y",
        "actually",
        "except",
        "plus",
    ]
)
NOT_NEGATING = """
not last year/month/week/time|not yesterday|not sure|do not know|not know|no idea|not only|not just|not wait|no joke|no kidding|no matter|not want to bother|not help
|not helping|not working|not getting better|not going away|not go away|not let up|not stop|not stopping|no wait|no no|no better
|not right|not quit|do not think i can|not believe|not tell|no relief
"""
"""A "not" in here says nothing against the symptom beside it."""
