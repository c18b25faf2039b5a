"""Ideas an urgent call is made of (body parts, acute symptoms, how bad) and which of them together raise.

Data only; notation as in pipeline.call.urgent_words. It refuses to know negation, history and clauses.
"""

from __future__ import annotations

_LOW_SUGARS = "/".join(str(mg_per_dl) for mg_per_dl in range(10, 54))
"""Below 54 mg/dl is the American Diabetes Association's level 2: act at once."""
_HIGH_SUGARS = "/".join(str(mg_per_dl) for mg_per_dl in range(300, 800))
_SUGAR_FIGURE = "|".join(
    f"sugar/glucose {between} {figures}"
    for between in ("is/was/of/at/reads/says", "level/reading is/of", "is at/only/about/around/down",
                    "is down to", "went/dropped/fell to", "went/dropped/fell down to")
    for figures in (_LOW_SUGARS, _HIGH_SUGARS)
)  # fmt: skip
"""A meter's figure said as one: "sugar is 30", never "sugar is 130", "sugar at 3 30" or "in 30 days"."""

_PRESSURES = "|".join(
    f"{said} over"
    for said in (
        "/".join(str(mmhg) for mmhg in range(180, 290)),
        "one eighty/ninety",
        "two hundred/ten/fifteen/twenty/thirty/forty/fifty/sixty",
        "two hundred and/an ten/fifteen/twenty/thirty/forty/fifty/sixty",
    )
)
"""The upper figure of a crisis (American Heart Association: 180 and more), with the word that makes it a pressure."""

_WHO = "he/she/baby/kid/child/son/daughter/boy/girl/infant/newborn/mom/mother/dad/father/husband/wife/grandma/grandpa"

IDEAS: dict[str, str] = {
    "CHEST": "chest|breastbone|breast bone|sternum|rib cage|pecho",
    "MY_CHEST": "it is my/his/her/the chest/heart|is my/his/her chest|my/his/her chest that hurts|with my chest",
    "HEART": "heart|corazon",
    "PAIN": "pain|pains|painful|hurt|hurts|hurting|ache|aches|aching|sore|cramp|cramps|cramping|stabbing|sharp|burning|discomfort|dolor|duele|killing me",
    "PRESS": "tight|tightness|tightening|heavy|heaviness|pressure|squeezing|squeeze|crushing|crush|weight|gripping|clenching|elephant|brick|funny|fluttering|pounding|vise|exploding|opresion",
    "RACE": "flips|flopping|racing|races|pounding|fluttering|skipping|skips|stopped|stopping|stops|beating fast/hard/funny|out of my chest|going crazy|thumping|irregular|out of rhythm|flip flopping",
    "ELEPHANT": "standing/sitting on my/his/her chest|elephant sitting/standing/on|truck/weight/brick/bricks on my chest",
    "RADIATES": "down my/his/her left/arm|into my/his/her jaw/arm/neck/back/shoulder|up my/his/her neck/jaw|left arm",
    "HEART_ATTACK": "heart attack|heart stopped|cardiac arrest|ataque al corazon|infarto|ataque cardiaco",
    "BREATH": "breath|breathe|breathes|breathing|breaths|air|respirar|inhale",
    "CANNOT": "can not|could not|can hardly/barely/scarcely|hardly|barely|unable|trouble|hard time|hard to|hard for|struggling|struggles|struggle|difficulty|not able|gasping|fighting|working so hard|problems|problem|harder|fighting for|not get|not getting",
    "NO_BREATH": "breathing is bad/worse|breathing is getting/really/so/very/much bad/worse|breathing gets/got worse|sucking in|i can catch my breath|can not seem to get air/enough|choked up and blue|not breathing/breathe|not get/getting/catch any/enough/my/his/her air/breath|no air|stopped breathing|stops breathing|quit breathing|not taking breaths|short of breath|shortness of breath|out of breath|winded|gasping|suffocating|smothering|turned blue|turning blue|going blue|gone blue|no respira|no puedo/puede respirar|se esta ahogando|falta el aire|can not breathe|not catch my/his/her/their breath|breathing really/very/so fast|breathing fast|labored|air hunger|ribs suck/sucking in",
    "PURPLE": f"{_WHO} is turning/going purple|{_WHO} turned/went/goes purple|{_WHO} keeps/started turning purple|{_WHO} has turned/gone purple|i am turning purple",
    "BLUE": "blue|gray|grey|purple|ashen",
    "LIPS": "lips|lip|mouth|face|fingernails|nails|fingers|skin",
    "WHEEZE": "wheezing|wheeze|asthma attack|inhaler is not|inhaler not|rescue inhaler is|croup|stridor|whistling",
    "BAD": "bad|badly|really|severe|severely|terrible|terribly|awful|horrible|worse|worst|intense|unbearable|excruciating|extreme|extremely|so much|a lot|very|not helping|helping|barely|can hardly|not letting up|sudden|suddenly|will not",
    "EXTREME": "worst|unbearable|excruciating|thunderclap|agony|doubled over|screaming in|ten out of ten|never felt|severe|can not stand it|curled up",
    "CHOKE": "choking|chokes|can not swallow|stuck in his/her/my throat|stuck in the throat|can not cough it|ahogando",
    "NO_PULSE": "no pulse|not have a pulse|not find a/his/her pulse|not feel a/his/her pulse|no heartbeat|sin pulso",
    "FEEL": "feel|move|lift|raise|use|hold|grip|siento",
    "LIMB": "arm|arms|leg|legs|hand|hands|foot|feet|face|side|body|fingers|toes|limbs|half|mouth|brazo|pierna|cara|below|tongue|lip",
    "LIMP": "mum|none at all|numb|weak|dead|limp|paralyzed|heavy|useless|droopy|drooping|droops|drooped|drooled|drooling|sagging|lopsided|crooked|adormecido|numbness|weakness|gave out|hanging|not work|not working|not move|not moving",
    "NO_MOVE": "nobody can wake|no one can wake|has moved since|can feel my/his/her arm/leg/face/hand/legs|has not moved|not moved|not moving|can not move|can not feel my/his/her|can not feel|not feel my/his/her|can not walk|can not stand|can not stand up|can not lift|not respond|not responding|not wake|not waking|not wake up|not get him/her up|not woken|can not wake|will not wake|can not rouse|not come to|not come around|not get her/him/them to wake/respond|not answering me|not answer me|no despierta|barely answering|unresponsive|not responsive|not react|not reacting|not opening his/her eyes|not open his/her eyes",
    "SIGHT": "can not see|not see out|lost my/his/her vision/sight|vision went/is/just|went blind|gone blind|blind in|seeing double|double vision|went double|everything double|curtain over|went black|vision/sight gone|no vision|lost vision|lost all vision/sight|eyesight went/is/just",
    "BLIND": "blindness|blind|vision/sight loss|loss of vision/sight/eyesight|going blind",
    "SUDDEN": "sudden|suddenly|all of a sudden|out of nowhere|overnight|woke up",
    "SPOTS": "seeing spots/stars/lights|spots|blurry|blurred|flashing lights",
    "STROKE": "stroke|strokes|derrame|mini stroke|tia|aneurysm",
    "SPEECH": "words|speech|talk|talking|speak|speaking|sentence|sentences|speaks|talks|say anything",
    "JUMBLED": "jumbled|slurred|slurring|garbled|mixed up|gibberish|scrambled|mumbling|funny|not right|not make/making|nonsense|wrong|can not|not get|not understand",
    "NO_SENSE": "not making/make any/much sense|not making sense|not make sense|makes no sense|making no sense|no sense|slurring|slurred|not talking/talk right|can not talk/speak|not able to talk/speak|not smile|smile is crooked|gibberish|not know where he/she is|not know who i am|not know who he/she is|not recognize|suddenly confused|very/really/so confused|out of it|acting drunk|delirious|hallucinating|not acting right|not acting like himself/herself",
    "DIZZY": "spinning|dizzy|lightheaded|light headed|faint|woozy|double|off balance|can not stand|clammy|sweating|sweaty|pale|fallen",
    "SPIN": "spinning|double|dizzy",
    "SWEAT": "sweating|sweaty|clammy|cold sweat|pouring sweat|gray|pale",
    "SICK_SIGN": "not talking|confused|sleepy|diabetic|not making|weak|shaky|shaking|barely|hard to wake|not right",
    "BLEED": "bleeding|bleed|bleeds|hemorrhaging|hemorrhage|sangrando|sangre|bled|gushing|spurting|squirting|pouring blood|losing blood|lost a lot of blood|losing a lot of blood|soaked through|bleeding out|blood everywhere|blood is everywhere|lots of blood|so much blood|a lot of blood|blood all over|full of blood|covered in blood|pool of blood|blood pouring|blood gushing",
    "BLOOD": "blood|bloody|clots|clot|sangre|coffee grounds",
    "BRING_UP": "coughing|cough|coughed|throwing up|threw up|vomiting|vomited|vomit|puking|spitting|spit|spat|peeing|pee|urine|pooping|poop|stool|stools|toilet|bowel|puked|brought up|bringing up|passing|pads|pad|hacking",
    "TARRY": "black like tar|tarry|black as tar|looks like tar|black and sticky|stool is black|poop is black|stools are black|black stool|black stools|black poop",
    "CUT": "cut|sliced|gash|gashed|severed|chopped|sawed|cut off|stabbed|amputated",
    "CUT_BAD": "deep|to the bone|can see bone|gaping|gushing|spurting|bone|off|finger off|all the way|wide open|fat|tip",
    "WOUND_NOW": "smell gas|smelling gas|gas in the/my/our house/apartment|got shot|been shot|was shot|shot himself/herself/myself|been stabbed|got stabbed|was stabbed|cut his/her/my wrist/wrists|slit|severed|cut off his/her/my|gunshot|bone is/are/sticking|bone sticking|bone poking|bone is sticking/poking/showing|impaled|run over|hit by a car/truck/bus|crushed his/her/my|snake bite|bitten by a snake|snake bit|rattlesnake|electrocuted|electric shock|shocked by|drowned|drowning|out of the pool|under water|underwater|face down in|carbon monoxide|gas leak|smoke inhalation|breathed in smoke|house is on fire|on fire|there is a/another fire|there is fire|caught fire|caught on fire|heat stroke|heatstroke|hypothermia|frostbite",
    "TOOK": "took|taken|swallowed|ate|drank|eaten|got into|gave|given|ingested|popped|downed|drunk|chewed|swallow|chugged|gave the|injected|snorted|shot up|tomo",
    "MEDICINE": "pills|pill|tablets|tablet|medicine|meds|medication|tylenol|advil|aspirin|ibuprofen|insulin|bottle|capsules|dose|doses|oxy|oxycodone|xanax|antidepressants|opioids|benadryl|sleeping|painkillers|heroin|fentanyl|gummies|gummy|vitamins|cocaine|blood thinner|warfarin|percocet|pastillas|patches",
    "MANY": "way more|more than|more of my|nine|eight|too many|too much|whole|entire|all of|all my|all his|all her|all the|handful|handfuls|bunch|a lot of|lots of|rest of|full|ten|eleven|twelve|fifteen|twenty|thirty|forty|fifty|sixty|a hundred|times the|10|15|20|30|40|50|60|extra|double|triple|twice|three times|four times|wrong|every|dozen",
    "ALL_AT_ONCE": "all of them at once|all of them|all at once|the whole bottle|a whole bottle|whole thing of|too many pills|too many of|times the dose|thirty of",
    "CHILD": "toddler|baby|infant|kid|son|daughter|child|boy|girl|grandson|granddaughter|little one|newborn|he|she|grandchild|year old|dog",
    "YOUNG": "toddler|baby|infant|kid|son|daughter|child|boy|girl|grandson|granddaughter|little one|newborn|year old|puppy|grandbaby",
    "GOT_INTO": "got into|swallowed|ate|ate some|drank|got a hold of|got hold of|chewed|put in his/her mouth|eaten",
    "POISON": "cleaner|bleach|antifreeze|detergent|pods|pod|poison|lighter fluid|gasoline|pesticide|drain|ammonia|battery|batteries|magnet|magnets|kerosene|turpentine|rubbing alcohol|hand sanitizer|weed killer|bug spray|mushrooms|mushroom|edible|edibles|nail polish|lye|paint thinner|lamp oil|laundry|coin|chemical|chemicals|veneno",
    "OVERDOSE": "overdose|overdosed|overdosing|sobredosis|odd on|o d'd|od would|o d would|od'ed|oded|poison|poisoned|poisoning|narcan|naloxone",
    "SUICIDE": "hearing voices|voices telling|voices are telling|not here anymore when|suicide|suicidal|suicidio|suicidarme|matarme|quiero morir|killing/kill/hang/hanging/shoot/shooting/drown myself/himself/herself/themselves/themself|end/ending/take/taking my/his/her own life|end/ending my/his/her/this life|taking his/her own life|end it all|ending it all|end it tonight|end it|ending it|want/wants/wanted to die|wish i was/were dead|wish i could die|wishes he/she was dead|better off dead|better off without me|better if i was/were gone/dead|better if i were not|all to be over|want it to be over|want it all to|not want to live|not want to be alive|not want to be here|not want to wake up|not want to exist|not wanna live/be|not want to go on|can not go on|no reason to live|nothing to live for|not worth living|pills lined up|pills in front of me|said her/his/my goodbyes|goodbye note/letter|goodbye letters|suicide note|jump off/in front|jumping off|noose|not be here tomorrow|not be around much longer|rather be dead|tired of living|done with living|done living|give up on life|want to disappear|do to myself|not safe with myself|not trust myself|harm myself|hurting myself|harming myself|self harm|slit my wrists|cutting myself|cut my wrists|not feel safe|going to sleep and not wake|sleep and never wake|never wake up|kill himself/herself/themselves|killed himself/herself|life is not worth|no point in living|no point living|no point anymore",
    "INTENT": "want|wants|thinking|thoughts|think|going to|gonna|might|may|plan|planning|afraid|will|urge|threatening|threatened|says|said|about to|scared|voices|tempted|could|trying to|tried to",
    "HARM": "hurt|harm|kill|stab|shoot|strangle|attack|cut|hurting|killing|harming|burn",
    "SELF": "myself|himself|herself|themselves|themself|yourself",
    "OTHERS": "him|her|them|someone|somebody|people|my wife/husband/kids/baby/boss/neighbor/mother/brother/son/daughter|the baby/kids/children|everyone|coworker|coworkers|others|you all|me|my family",
    "WEAPON": "gun|knife|pistol|rifle|loaded|razor blade|rope",
    "GUN": "there is a/another gun|there is someone/somebody with a knife|there is a man/guy/person with a knife|somebody/someone has a gun/knife|has a gun|have a gun|got a gun|with a gun|gun in my|gun to|holding a knife|has a knife|with a knife|loaded gun|knife to",
    "ASSAULT": "choked me|strangled me|beat me|beating me|hit me|hitting me|punched me|raped|assaulted|attacked me|kicked me|hurt me|threatened to kill|threatening to kill|tried to kill|going to kill|wants to kill|hands around my neck|pushed me down|hurting me|abusing|hurt us|broke in|not safe at home|came at me",
    "ALLERGY": "allergic reaction|anaphylaxis|anaphylactic|anaphylactic shock|reaccion alergica|throat closing|throat is/feels/was closing|throat is tight|throat closing up|throat feels/is/getting tight|tongue is/getting swollen/swelling/big/thick|used the/her/his/my epi|gave him/her the epi|needed the epi|used an epi|already used/gave the epi",
    "EPI": "epi pen|epinephrine|adrenaline",
    "EPI_USED": "used|gave|stuck|not right|jabbed|still|injected|had to use|did not",
    "FACE": "face|lips|lip|tongue|throat|eyes|mouth|neck|cara|lengua|garganta|airway",
    "SWELL": "bigger|huge|putting up|puffs up|swells up|swelling|swollen|swelled|swells|puffing|puffed|puffy|closing|closed|closes|blowing up|hinchada|blew up|itching|thick|ballooned|ballooning|tight",
    "HIVES": "hives|welts|rash all over|covered in|breaking out|broke out|blotchy|red all over|itching all over",
    "ALLERGEN": "peanut|peanuts|nut|nuts|shrimp|shellfish|bee|bees|wasp|wasps|hornet|stung|sting|cashew|walnut|egg|penicillin|antibiotic|antibiotics|amoxicillin|milk|sesame|almond|fire ants|shot|medicine|medication|crab|lobster",
    "REACTS": "throwing up|threw up|vomiting|swelling|swollen|hives|welts|dizzy|wheezing|coughing|closing|faint|hoarse|breathe|itching all over|broke out|pale|blotchy",
    "SEIZURE": "fits|twitching and|twitching uncontrollably|seizure|seizing|seizures|convulsing|convulsion|convulsions|convulsiones|having a fit|jerking|eyes rolled|eyes are rolled|eyes rolling|rolled back|foaming|frothing|shaking all over|shaking uncontrollably|shaking and will|went stiff|stiffened up|twitching all over|thrashing|grand mal|will not stop shaking|not stop shaking|ataque epileptico|body is stiff|spasming",
    "PREGNANT": "pregnant|pregnancy|expecting|embarazada|weeks along|months along|weeks pregnant|months pregnant|trimester|in labor|contractions|due in|water broke|just had a/my/the baby|gave birth|postpartum|delivered|my baby has not|baby is not|baby inside",
    "PREGNANT_SIGN": "headache|spots|pain|bleeding|bleed|blood|fell|swelling|swollen|stabbing|cramping|cramps|fluid|leaking|water|broke|fainted|dizzy|vision|blurry|contractions|hurts|hit|accident|vomiting|fever|seizure|spotting|gush|not kicking|not moved|not moving|not felt|clots|soaking|breath",
    "LABOR": "not felt any kicks/kick/movement|not felt the/any baby|no kicks|no movement|see the head|head is coming|in labor|into labor|in active labor|having/got/started/getting labor pains|labor has/is started/starting|started labor|water broke|water just broke|water has broken|baby is coming|cord is|cord hanging|contractions are|having contractions|pushing already|need to push|head is showing|crowning|has not kicked|not kicked|not felt the baby|not felt him/her move/kick|not feel the baby|not felt any movement|baby has stopped moving/kicking|baby stopped moving/kicking|stopped kicking|not kicking|rompio la fuente",
    "INFANT": "soft spot|crib|formula|breastfeeding|newborn|infant|baby|weeks old|week old|days old|months old|month old|bebe|preemie",
    "FEVER": "fever|temperature|fiebre|burning up|hundred and|a hundred|degrees|104|103|102|101",
    "INFANT_SIGN": "floppy|limp|listless|blue|not wake|not waking|lethargic|not eating|not eat|not drinking|not feed|not nurse|no wet|not peed|not had a wet|stiff|not stop crying|will not stop crying|screaming|gray|pale|soft spot|sunken|not look|not breathing|dropped|rolled off|fell|shook|hard to wake|too sleepy|keeps sleeping|not keep anything|threw up green|blood|bleeding|grunting|breathing fast|swallowed|not crying|dry diapers|dry diaper|limpness|jerking|burned|not respond|bulging|choking",
    "FLOPPY": "floppy|limp like|went limp|gone limp|lifeless|like a rag doll|rag doll",
    "HEAD": "head|skull|forehead|concussion|knocked out|knocked unconscious|crash|wreck|ladder|accident|baseball|cabeza",
    "HIT": "hit|hitting|bumped|banged|smacked|cracked|struck|fell|fallen|fall|landed|dropped|crash|wreck|injury|accident|ladder|knocked",
    "HEAD_SIGN": "vomiting|vomit|throwing up|threw up|puking|not remember|confused|sleepy|pupils|pupil|passed out|headache|unconscious|acting strange|drowsy|dizzy|blacked out|out cold|not know|bleeding|blood thinners|blood thinner|knocked out|goofy|slurring|double|seeing|worse|not make|not making|blurry|not wake|weird|fluid|not stop crying|eyes|repeating",
    "PUPIL": "pupil|pupils",
    "PUPIL_SIGN": "huge|bigger|big|different|blown|uneven|dilated|larger|size|unequal|pinpoint|tiny",
    "FLUID": "fluid|blood|liquid|watery stuff|clear stuff",
    "OUT_OF": "out of his/her/my ear/nose/ears|from his/her/my ear/nose/ears|out of the ear/nose",
    "FELL_FAR": "fell off a/the/my ladder/roof/balcony|fell off the/a/my horse/bike/truck/deck|fell out of a/the window/tree|fell from|fell through|fell down the/a/my/some stairs/steps|fell down a flight|tumbled down|thrown from",
    "FAINT": "almost/nearly went out|went out cold|went down hard|just went down|went down and|fainted|faint|fainting|passed out|passing out|pass out|blacked out|black out|blacking out|collapsed|collapses|collapse|unconscious|inconsciente|desmayo|desmaye|se desmayo|keeled over|went down like|out cold|just dropped|dropped to the floor|fell to the floor|lost consciousness|losing consciousness|not conscious|hit the floor|slumped over|slumped|crumpled|found him/her on the|found her/him lying|lying on the floor|not get up|face down|went limp|found my mom/dad/mother/father/husband/wife on",
    "EMERGENCY": "emergency|emergencia|911|ambulance|ambulancia|life or death|paramedics",
    "HELP": "help me|please help|somebody help|someone help|need help right now|need help now|help help|help quick|help hurry|ayudeme|ayuda por favor|hurry please|please hurry",
    "DYING": "dying|going to die|gonna die|about to die|might die|is dead|he is dead|she is dead|looks dead|me muero|feels like death|afraid i will die|not going to make it|not gonna make it|impending doom",
    "STIFF_NECK": "stiff neck|neck is so/really/very stiff|neck is stiff|neck's stiff|neck is too stiff|not bend his/her/my neck|not touch his/her/my chin|stiff",
    "NECK": "neck|chin to",
    "NECK_FEVER": "fever|headache|rash|light hurts|temperature",
    "BURN": "burns|burn|burned|burnt|scalded|scald|acid|boiling water|hot oil|hot grease",
    "BURN_BAD": "all down|all over|face|blistering|blisters|blistered|peeling|fryer|boiling|grease|chest|both|badly|bad|skin|huge|charred|white|hands|whole|acid|eyes|eye|oil|fire|explosion|legs|stove|arms|front|third degree|electrical",
    "HEADACHE": "headache|head hurts|migraine|pain in my/his/her head|head pain|head is pounding",
    "HEADACHE_BAD": "worst|sudden|suddenly|thunderclap|out of nowhere|exploded|exploding|never had|like never|terrible|came on|blinding|life|vision|numb|stiff",
    "BELLY": "stomach|belly|abdomen|abdominal|tummy|side|groin|testicle|back|appendix|gut|eye|leg|calf",
    "SUGAR": "sugar|glucose|diabetic|insulin",
    "SUGAR_BAD": "thirty|forty|fifty|three hundred|four hundred|five hundred|six hundred|very low|really low|so low|too low|dropped|super low|crashing|crashed|will not come up|not come up|off the chart|sky high|reads high|says high|says low|shaky|confused|shaking|passed out|clammy|not talking|sweating",
    "SUGAR_FIGURE": _SUGAR_FIGURE,
    "PRESSURE_OF": "blood pressure|bp|pressure is|systolic",
    "PRESSURE_FIGURE": _PRESSURES,
    "ALONE_LEFT": "left alone",
    "DEEP": "this time it is deep|it is deep|very deep|too deep",
    "SEPSIS": "sepsis|septic|red streaks|red line going|red streak",
    "EYE_HURT": "something in my eye and i can not|chemical/bleach/acid/cleaner in my/his/her eye/eyes|splashed in my/his/her eyes|stabbed in the eye",
    "HOT": "hundred and four|hundred and five|hundred and six|104|105|106|one oh four|one oh five",
    "AGAIN": "same pain/symptoms|got the same|happening again|same thing again|same as last time|like last time|feels the same|same feeling|feels like it did|it is back|just like before|again now|like before|exactly like|same symptoms|doing it again|it is coming back|otra vez",
    "PAST_ACUTE": "stroke|heart attack|seizure|seizures|blood clot|overdose|aneurysm|embolism|anaphylaxis|ectopic|bleed",
    "PALE_SICK": "cold and clammy|clammy and|gray and sweaty|gray and sweating|white as a sheet|pale and sweaty|pale and sweating|pale and clammy",
    "ACCIDENT": "car/motorcycle/bike/truck accident/crash/wreck|rear ended|been in an accident",
    "NITRO": "nitro|nitroglycerin",
    "STILL": "still there/hurts/hurting/here|not helping|not working|not help|not gone|no relief|not touching it",
    "RIBS": "ribs|rib",
    "ASTHMA": "asthma|puffer|inhaler",
    "WORSE": "worst|worse|not helping|not working|not touching it|acting up bad|really bad|so bad|terrible|every hour",
    "FLOW": "pouring|gushing|spurting|running down|soaking|squirting|dripping|everywhere|not stop|pours|keeps coming",
    "GOODBYE": "goodbye|good bye|goodbyes|farewell|said sorry for everything",
    "PLUNGE": "off the/a/this/that bridge/cliff/roof/building/overpass/road|in front of a/the train/truck/car/bus|into traffic|into a/the tree/wall|into oncoming",
    "THINNER": "eliquis|warfarin|coumadin|xarelto|blood thinner/thinners|plavix|heparin|pradaxa|thinners",
    "FEVER_BAD": "confused|delirious|shaking|rigors|not making|not know where|hallucinating|purple rash|rash that does not",
    "NOSEBLEED": "nosebleed|nosebleeds|nose",
    "ENDLESS": "not stop|not stopping|not quit|hour|hours|twenty minutes|thirty minutes|gushing|pouring|soaked",
    "PERSON": "husband|wife|mom|mother|dad|father|coworker|coworkers|neighbor|son|daughter|sister|brother|grandma|grandpa|friend|partner|he|she|roommate|man|woman|guy|lady|boyfriend|girlfriend|somebody|someone",
    "FLOOR": "is/was/lying/are on the floor/ground/sidewalk|coworkers on the floor|on the floor and|flat on the floor/ground",
}
"""Idea: the phrases that say it."""

RULES = """
chest_pain: CHEST PAIN | NITRO STILL | RIBS PRESS | CHEST PRESS | MY_CHEST | ELEPHANT | HEART PAIN | HEART RACE | PRESS RADIATES | PAIN RADIATES | CHEST SWEAT | CHEST BAD
heart_attack: HEART_ATTACK
breathing: CANNOT BREATH | PAIN BREATH | ASTHMA WORSE | RIBS BREATH | NO_BREATH | PURPLE | LIPS BLUE | WHEEZE BAD | WHEEZE CANNOT | CHOKE | WHEEZE ~CHILD
unresponsive: NO_PULSE | NO_MOVE | FLOPPY
stroke: STROKE | LIMB LIMP | CANNOT FEEL LIMB | SPEECH JUMBLED | NO_SENSE | SIGHT | BLIND SUDDEN | SPIN LIMP | SPIN SPEECH
bleeding: BLEED | BLOOD FLOW | NOSEBLEED ENDLESS | BRING_UP BLOOD | TARRY | CUT CUT_BAD
injury: WOUND_NOW | ACCIDENT PAIN | BURN BURN_BAD | FELL_FAR | EYE_HURT
overdose: OVERDOSE | TOOK MANY MEDICINE | TOOK ALL_AT_ONCE | GOT_INTO POISON | YOUNG GOT_INTO MEDICINE | ALL_AT_ONCE MEDICINE
suicide: SUICIDE | GOODBYE WEAPON | INTENT PLUNGE | INTENT HARM SELF | SELF WEAPON | SELF DEEP | GUN
violence: ASSAULT | INTENT HARM OTHERS
allergic: ALLERGY | FACE SWELL | EPI EPI_USED | ~ALLERGEN HIVES | ALLERGEN ~REACTS | HIVES REACTS
seizure: SEIZURE
pregnancy: LABOR | ~PREGNANT PREGNANT_SIGN
infant: ~INFANT FEVER | ~INFANT INFANT_SIGN
head_injury: ~THINNER HIT | ~HEAD HEAD_SIGN HIT | HIT HEAD_SIGN | PUPIL PUPIL_SIGN | FLUID OUT_OF
fainting: FAINT | PERSON FLOOR | PALE_SICK
emergency: EMERGENCY | HELP | DYING
severe: FEVER FEVER_BAD | NECK_FEVER STIFF_NECK ~NECK | HEADACHE HEADACHE_BAD | EXTREME PAIN | ~BELLY EXTREME | ~SUGAR SUGAR_BAD | SUGAR_FIGURE | PRESSURE_OF PRESSURE_FIGURE | SEPSIS | HOT FEVER | ~SUGAR SWEAT
again: AGAIN ~PAST_ACUTE
"""
"""Kind: ideas that raise together within a few words; after ~ an idea anywhere, even denied or long ago."""
