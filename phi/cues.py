"""The words that say what comes next: cues, units, titles, relations, in English. Data, no rule."""

from __future__ import annotations


def words(text: str) -> frozenset[str]:
    """A set from a block of words."""
    return frozenset(text.split())


MONTHS = {
    "january": 1, "february": 2, "march": 3, "april": 4, "may": 5, "june": 6, "july": 7, "august": 8,
    "september": 9, "october": 10, "november": 11, "december": 12,
    "jan": 1, "feb": 2, "mar": 3, "apr": 4, "jun": 6, "jul": 7, "aug": 8, "sep": 9, "sept": 9, "oct": 10, "nov": 11, "dec": 12,
}  # fmt: skip
DOUBTFUL_MONTHS = words("may march mar jan sep dec oct apr nov")
"""Months that are also a verb, a name or a log word: a date only beside a day, a year or a date cue."""

ORDINALS = {
    "first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7, "eighth": 8, "ninth": 9,
    "tenth": 10, "eleventh": 11, "twelfth": 12, "thirteenth": 13, "fourteenth": 14, "fifteenth": 15, "sixteenth": 16,
    "seventeenth": 17, "eighteenth": 18, "nineteenth": 19, "twentieth": 20, "thirtieth": 30,
}  # fmt: skip

UNITS = words("""
 mg mgs milligram milligrams mcg microgram micrograms g gram grams kg kilo kilos kilogram kilograms pound pounds lb lbs ounce ounces oz
 ml milliliter milliliters millilitre millilitres cc ccs liter liters litre litres l dl deciliter unit units iu meq mmol mmhg mm cm centimeter centimeters
 millimeter millimeters meter meters inch inches ft foot feet mile miles km kilometers step steps calorie calories kcal
 percent pct degree degrees fahrenheit celsius bpm beats breaths
 tablet tablets tab tabs pill pills capsule capsules dose doses drop drops puff puffs spray sprays injection injections shot shots
 patch patches teaspoon teaspoons tablespoon tablespoons cup cups glass glasses bottle bottles refill refills packet packets vial vials
 second seconds sec secs minute minutes min mins hour hours hr hrs day days night nights week weeks month months year years yr yrs decade decades
 time times x people person patients kids children dollars dollar bucks cents usd euros
 ms millisecond milliseconds us ns byte bytes kb mb gb hz khz mhz bit bits kbps mbps sample samples frame frames packet token tokens
 request requests retries attempts items rows records calls words chars characters lines entries turns events connections chunks
 minutes' hours' o'clock am pm
""")
SHORT_UNITS = words("am pm x l g us foot second min times person time")
ID_CUES = words("""
 number numbers num no digits digit social security ssn ss mrn chart zip zipcode postal phone telephone tel cell mobile fax extension ext
 member membership subscriber policy group account acct card routing license licence plate vin serial claim npi dea passport
 confirmation reference authorization auth id ids identification identifier prescription rx tracking medicare medicaid beneficiary
 call reach contact text dial callback pin record medical insurance driver's drivers implant device badge locker student employee tax ein
 itin visa order invoice ticket case hicn mbi handle instagram insta facebook twitter tiktok snapchat whatsapp telegram discord linkedin username login plates tag tags
""")
STRONG_ID_CUES = words("""
 ssn mrn zip zipcode postal phone telephone tel cell fax extension ext member subscriber policy account acct card license licence plate vin serial
 claim npi dea passport confirmation authorization id identification beneficiary digits social callback passcode
""")
KIND_BY_CUE = {
    "social": "SSN", "ssn": "SSN", "ss": "SSN", "security": "SSN", "mrn": "MRN", "chart": "MRN", "record": "MRN",
    "zip": "ZIP", "zipcode": "ZIP", "postal": "ZIP", "phone": "PHONE", "telephone": "PHONE", "tel": "PHONE", "cell": "PHONE",
    "mobile": "PHONE", "fax": "PHONE", "extension": "PHONE", "ext": "PHONE", "call": "PHONE", "reach": "PHONE", "text": "PHONE",
    "callback": "PHONE", "contact": "PHONE", "dial": "PHONE",
    "member": "MEMBER", "membership": "MEMBER", "subscriber": "MEMBER", "policy": "MEMBER", "group": "MEMBER", "insurance": "MEMBER",
    "medicare": "MEMBER", "medicaid": "MEMBER", "beneficiary": "MEMBER", "mbi": "MEMBER", "hicn": "MEMBER",
    "account": "ACCOUNT", "acct": "ACCOUNT", "card": "ACCOUNT", "routing": "ACCOUNT",
    "license": "LICENSE", "licence": "LICENSE", "npi": "LICENSE", "dea": "LICENSE", "driver's": "LICENSE", "drivers": "LICENSE",
    "plate": "VEHICLE", "vin": "VEHICLE", "serial": "DEVICE", "implant": "DEVICE", "device": "DEVICE", "pacemaker": "DEVICE",
}  # fmt: skip

TITLES = words(
    "mr mrs ms miss mister missus mx sir madam madame dr doctor prof professor reverend rev pastor rabbi father sister nurse captain sergeant judge attorney"
)
STRONG_TITLES = words("mr mrs ms mister missus mx dr prof reverend rev")
CLINICIANS = words(
    "dr doctor nurse prof professor therapist surgeon dentist cardiologist dermatologist pediatrician neurologist oncologist psychiatrist practitioner physician midwife hygienist"
)
RELATIONS = words("""
 husband wife spouse partner son daughter mother mom mum mama mommy father dad daddy papa brother sister sibling grandmother grandma granny nana grandfather grandpa
 grandson granddaughter aunt auntie uncle cousin niece nephew stepson stepdaughter stepmother stepfather stepmom stepdad fiance fiancee boyfriend girlfriend
 baby kid child toddler twin twins friend neighbor neighbour roommate boss caregiver guardian coworker in-law law ex patient client caller girl boy pt
""")
GIVEN_HOMOGRAPHS = words("""
 rose mark grace hope faith joy bill will jack frank grant drew dean chase may june april august summer autumn dawn ivy lily daisy violet iris hazel olive ruby
 pearl amber crystal jade penny sunny ginger honey christian art gene guy pat rob sue nick dale glen heath cliff rusty sandy robin jay ray miles carter mason
 cooper hunter taylor parker piper porter harper chip buck earl duke prince victor norm max heather holly melody harmony charity destiny trinity serenity
 genesis star sky skye rain willow sage basil forest river brook brooke stormy sterling wade ward lance pierce rich dick bob bobby jimmy peter tony harry
 barb bea belle bonnie candy carol cherry clay colt colin dolly don dot ed ernest eve flora fern fay faye gale gay gail herb
 jean jenny jerry jewel john josh joe judge june justice kay ken kit kitty king laurel lane lee les lou mercy merry mickey mike mimi molly myrtle
 nan nelly noble page paige patience patsy poppy prudence queen randy reed rene reuben robin rock rod roman roger romeo ron
 rowan royal russ sally sam sandy saul scot scout shelly sherry skip stew sonny tad tang tate teddy terry tim tom toby trey trip ty
 vera verity vic vince virginia georgia carolina dakota montana sierra savannah paris london china asia india chelsea brittany jordan israel
 dallas austin houston phoenix charlotte madison lincoln jackson kelvin newton win winter wren angel archer blaze dash ace ash aspen birch bliss blossom
 bear case cash clementine cosmos delta echo ember ever fox gray hawk haven journey knox lark legend lux lyric nova ocean onyx opal phoenix pilot
 lucky blessing precious dev princess mercy gift favour favor sunday heaven legend major sincere miracle treasure promise goodness happy glory wisdom fortune love peace innocent comfort champion bright
 raven reign ridge saint shepherd sparrow story sunshine temple true valor wilder
 an kim my long van ha le do so you yu wen min sang song young jin dung bao linh tuan lan ali amen anal asa dee
""")
NAME_STOPS = words("""
 a an and or but the is are was were am be been being i i'm im i'd i'll i've you you're your he she it it's its we they them their there here this that that's these those
 my me mine his her hers our us of to for from with at on in by as if so not no yes yeah yep okay ok please thanks thank hi hello hey um uh er ah hmm well like just
 calling called call calls speaking spelled spelling spells speak has have had having do does did done can could will would shall should might must need needs needed
 want wants wanted date born birth dob phone number email address who whom what when where why how which because then than also too very really actually
 about after before since until during while over under again still today tomorrow yesterday tonight now says said say asks asked told tell needs takes took taking
 went goes going gone got get gets getting gave give makes made comes came come feels felt thinks knows lives lived works worked worried sick feeling looking
 trying having returning following checking confirming waiting hoping hurting bleeding doing ready sure fine good better worse sorry glad happy afraid
 pain appointment refill prescription patient doctor nurse husband wife son daughter mother father mom dad brother sister age aged years year old
 allergic diabetic pregnant home mr mrs ms dr correct right wrong i'm due scheduled seeing new last first middle out up down off back both one two three four five
 monday tuesday wednesday thursday friday saturday sunday january february april june july august september october november december
""")
NAME_CUES: tuple[tuple[str, ...], ...] = tuple(
    tuple(phrase.split())
    for phrase in """
 my name is | name is | name's | my name's | the name is | the name's | names | name was | names is | name of | by the name of | name as | call me | goes by | go by | went by | known as
 last name | first name | middle name | full name | maiden name | surname | given name | family name | preferred name | legal name | nickname is | nicknamed
 patient name | caller name | patient's name | caller's name | name on file | name on the account | name on the card | on behalf of
 i am called | named | called herself | called himself | listed as | listed under | registered as | registered under | it's under | is under | file under | under the name | under | it under | calls me | we named her | we named him | named it
 | spelled for | this message is for | message for | regarding
 next of kin | next of kin is | emergency contact | emergency contact is | policy holder | policy holder is | guarantor | guarantor is | legal guardian | guardian is | power of attorney | contact person | contact person is | primary contact | caregiver is | speak on behalf of
 asked for | asking for | ask for | speak to | speak with | speaking with | speaking to | talk to | talk with | talked to | spoke to | spoke with | spoken with | this is | attn | attention | dear | signed | sincerely
""".replace("\n", "|").split("|")
    if phrase.strip()
)
STRONG_NAME_CUES = words("kin guarantor calls name name's names surname nicknamed named")
GREETINGS = words(
    "hi hello hey thanks thank bye goodbye morning afternoon evening okay welcome sorry"
)
EMPLOYER_CUES: tuple[tuple[str, ...], ...] = tuple(
    tuple(phrase.split())
    for phrase in """
 work at|works at|worked at|working at|work for|works for|worked for|working for|employed by|employed at|employer is|job at|job with|my employer|teach at|teaches at|taught at
 |teacher at|student at|studies at|studying at|enrolled at|enrolled in|goes to school at|go to school at|attends|graduated from|my school is|school is|school called|retired from|manager at|cashier at|drive for|drives for|driver for|hired by|laid off from
 |company is called|company is|business is called|business is|daycare is|preschool is|shop is called|employee of|employee at|staff at|shift at|job at|hurt at|boss at|manager of|owner of|coach at|coaches at|principal at|intern at|interns at|volunteer at|volunteers at|volunteering at|stationed at|student of|foreman at|driver at|cook at|server at|waitress at|works with|contractor for|contracted to
 |supervisor at|engineer at|company called|business called|professor at|clerk at|nurse at|works over at|work over at|employer
""".replace("\n", "").split("|")
    if phrase.strip()
)
ORG_TAILS = words(
    "school elementary academy university college highschool kindergarten preschool daycare inc incorporated llc corp corporation ltd company industries logistics enterprises bakery diner restaurant plant factory brothers sons associates partners group union manufacturing foundation solutions systems technologies motors airlines steel mills foods farms packaging roofing logistics plumbing electric electrical construction landscaping lumber dairy freight hauling trucking transport transportation shipping warehouse produce seafood fabrication machining tooling welding painting cleaning catering salon spa bank realty properties hardware garage supply studios cafe grill pizzeria tavern brewery winery textiles plastics chemical energy mining consulting staffing accounting marketing ministries"
)
FACILITY_TAILS = words(
    "hospital clinic pharmacy infirmary hospice medical healthcare health orthopedics orthopaedics cardiology dermatology pediatrics dental dentistry oncology rehab rehabilitation urgent nursing surgical family wellness physicians imaging radiology obgyn neurology behavioral"
)
FACILITY_SECOND = words(
    "center centre practice care group associates hospital clinic home office campus pavilion institute system network partners plaza tower"
)
STREET_SUFFIXES = words(
    "street st avenue ave road rd drive dr lane ln court ct boulevard blvd way place pl circle cir terrace ter parkway pkwy highway hwy route trail trl square sq loop alley crescent row pike turnpike plaza roads oval circles run path crossing hollow ridge point cove"
)
STRONG_SUFFIXES = words(
    "street avenue ave road rd lane ln boulevard blvd parkway pkwy terrace highway hwy turnpike"
)
UNIT_WORDS = words("apartment apt unit suite ste room rm floor building bldg lot box")
CITY_CUES: tuple[tuple[str, ...], ...] = tuple(
    tuple(phrase.split())
    for phrase in """
 live in|lives in|lived in|living in|live near|lives near|live over in|lives over in|live out in|lives out in|live down in|moved to|moved from|moving to|move to|moved back to|born in|raised in|grew up in|city of|town of|village of|county of|i'm from|im from|i am from|she's from|he's from|is from|are from|calling from
 |come from|comes from|came from|drive from|driving from|drove from|driving in from|drive in from|flying in from|visiting from|travel from|traveling from|resident of|residing in|resides in|reside in|located in|based in|staying in|city is|town is|neighborhood is|neighborhood of|hometown|hometown is|city|town called
 |over in|out in|down in|up in|suburb of|outside of|house in|home in|apartment in|office in|clinic in|pharmacy in|store in|hospital in|walgreens in|cvs in
""".replace("\n", "").split("|")
    if phrase.strip()
)
CITY_HOMOGRAPHS = words(
    "mobile phoenix buffalo reading orange bend flint mesa aurora independence corona ontario riverside paradise hope normal boulder surprise concord union liberty salem troy athens paris cleveland lincoln jackson madison monroe franklin florence augusta orlando austin dallas houston charlotte savannah portland oakland richmond springfield bath cork rugby nice cologne media commerce enterprise eagle carmel lima gary erie bristol cambridge oxford kent plain plains golden superior bend burns superior surprise tempe chandler vista"
)
HOLIDAYS = words(
    "christmas xmas thanksgiving easter halloween hanukkah chanukah kwanzaa ramadan eid diwali passover juneteenth mardi valentine's valentines purim yom rosh navidad nochebuena pentecost"
)
HOLIDAY_PAIRS = {
    ("new", "year's"), ("new", "years"), ("memorial", "day"), ("labor", "day"), ("veterans", "day"), ("veteran's", "day"),
    ("mother's", "day"), ("father's", "day"), ("mothers", "day"), ("fathers", "day"), ("independence", "day"), ("columbus", "day"),
    ("presidents", "day"), ("presidents'", "day"), ("president's", "day"), ("good", "friday"), ("ash", "wednesday"), ("boxing", "day"),
    ("valentine's", "day"), ("palm", "sunday"), ("groundhog", "day"), ("lunar", "new"), ("patrick's", "day"), ("mlk", "day"), ("earth", "day"),
    ("ano", "nuevo"), ("semana", "santa"), ("dia", "de"), ("noche", "buena"),
}  # fmt: skip
EPONYMS = words(
    "bell bell's parkinson parkinson's wilson wilson's addison addison's graves graves' baker baker's foley glasgow down down's huntington huntington's cushing cushing's hashimoto hashimoto's barrett barrett's paget paget's kaposi kaposi's ewing ewing's wilms bright's still's lou gehrig gehrig's hodgkin hodgkin's lynch turner turner's klinefelter peyronie's dupuytren's osgood schlatter legg perthes sjogren sjogren's raynaud raynaud's meniere meniere's marfan ehlers danlos guillain barre tourette tourette's asperger asperger's rett gaucher fabry romberg lachman mcmurray phalen tinel finkelstein hoffmann hoffman homans kernig brudzinski rinne weber spurling hawkins neer thompson tay sachs kawasaki epstein barr lewy babinski murphy murphy's mcburney's romberg trendelenburg heimlich valsalva kegel epley braden morse norton norton's coombs wells apgar morton morton's chiari sever's ramsay hunt bowen's gilbert gilbert's korsakoff wernicke pott's colles colles' jones charcot marie tooth steven stevens johnson zollinger ellison von willebrand mallory weiss potter prader willi angelman lesch nyhan whipple whipple's ganz hoyer colles swan baker crohn crohn's alzheimer alzheimer's lyme"
)
EPONYM_TAILS = words(
    "disease syndrome palsy sign catheter coma scale cyst test maneuver manoeuvre exercises exercise lymphoma sarcoma tumor esophagus thyroiditis virus contracture scale score bodies body criteria dementia encephalopathy neuroma malformation fracture bulb phenomenon gehrig's gehrig hunt barre barr danlos sachs johnson ellison willebrand weiss willi nyhan marie tooth schlatter perthes negative positive neg pos stain position method protocol"
)
EPONYM_TAILS_SURE = words(
    "disease syndrome palsy sign catheter coma cyst maneuver manoeuvre exercises exercise lymphoma sarcoma tumor esophagus thyroiditis contracture dementia encephalopathy neuroma malformation fracture phenomenon procedure position lift reflex"
)
"""Behind these an eponym of no word list is nobody's name either; a test or a score may be somebody's own."""
FILLERS = words(
    "let me see hang give got there uh um er ah hmm mm erm eh uhm umm uhh so then okay ok well sorry wait actually and like let's see hold on that's it's is mean i no yes yeah right correct again repeat comma period next followed by space capital uppercase lowercase upper lower case"
)
TIME_BEFORE = words(
    "at by around until till from to between before after about past for is it's its time or and"
)
TIME_AFTER = words("am pm o'clock oclock a.m p.m morning afternoon evening tonight sharp noon")
ACRONYMS = words(
    "mri ekg ecg ct iv er ed copd hiv adhd cpap cvs aarp hmo ppo emt icu ptsd usa uti gp bp iud ivf dna rna tb bmi ada aids ocd als ms cbd thc uv pcp ent gi bpap nicu cpr cad chf dvt cbc bun psa hpv std sti rsv mrsa ibs tmj ama cdc fda cna rn lpn hsa fsa cobra va pt ot otc ui ups faq pdf url abc tv dvd ppe asl tdap mmr hep cmp tsh ldl hdl eob poa dnr hba pct gerd arb ace bpm gps isp"
)
