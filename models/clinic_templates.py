"""Sentence templates of the calls every practice gets: data for `models.clinic_language`.

Written from how people answer a receptionist, not from any list recognition is measured on.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable, Iterator

from models.clinic_words import (
    BODY_PARTS,
    DAYS,
    FAMILY,
    HOURS,
    MONTHS,
    ONES,
    ORDINALS,
    TEENS,
    TENS,
)

URGENT_SENTENCES = 3_000

WORDS: dict[str, tuple[str, ...]] = {
    # how a sentence starts and ends
    "hi": ("", "", "", "hi", "hello", "yes", "yeah", "well", "um", "uh", "okay", "so", "oh", "hi there",
           "good morning", "good afternoon", "yes hi", "please"),
    "bye": ("", "", "", "", "please", "thank you", "thanks", "if possible", "if you can", "today", "for me",
            "i think", "i guess", "that would be great", "if that's okay", "if i can", "soon"),
    "iwant": ("i'd like", "i would like", "i want", "i need", "i'm looking", "i'm calling", "i was hoping",
              "i was calling", "i'd love", "i called", "i have", "we'd like", "we need", "she needs", "he needs"),
    "can": ("can", "could", "may"),
    "ineed": ("i need", "i'd like", "i want", "i have", "it's for", "it's about", "i'm calling about",
              "i'm calling for", "i'm coming in for", "i'm having", "i've got", "there's", "it's", "just",
              "i have to get", "i need to get", "i would like", "it's just", "i need help with",
              "i wanted to ask about", "i was told i need", "my doctor wants me to have", "i need to come in for"),
    "a": ("", "a", "my", "the", "an", "some", "a quick", "another", "a new"),
    "art": ("a", "the", "an", "my"),
    "book": ("make an appointment", "book an appointment", "schedule an appointment", "set up an appointment",
             "get an appointment", "see the doctor", "see a doctor", "come in", "see doctor {last}",
             "schedule a visit", "book a visit", "make a booking", "arrange an appointment", "get in to see someone",
             "come in and see the doctor", "get in to see doctor {last}", "see someone", "be seen", "come by",
             "have an appointment", "get a time", "find a time", "schedule something", "book a time",
             "make an appointment for my {family}", "bring my {family} in", "get checked out", "see {practice}",
             "reschedule my appointment", "cancel my appointment", "change my appointment", "move my appointment",
             "confirm my appointment", "set something up", "get in", "get on the schedule", "see the nurse"),
    "opening": ("any openings", "anything available", "any appointments", "an opening", "a slot", "any slots",
                "any availability", "something", "space", "time", "an appointment", "anything open", "any times"),
    "doctor": ("the doctor", "a doctor", "doctor {last}", "my doctor", "the nurse", "a nurse", "{practice}",
               "the physician", "a specialist", "the dentist", "the practitioner", "my physician"),
    "family": FAMILY,
    # complaints and errands
    "errand": ("{reason}", "{reason}", "{reason}", "{reason}", "{reason}", "{reason}", "check up", "checkup",
               "physical", "annual physical", "follow up", "blood test", "blood work", "lab work", "flu shot",
               "vaccine", "vaccination", "booster shot", "referral", "prescription refill", "refill",
               "test results", "x-ray", "ultrasound", "consultation", "second opinion", "sick note",
               "doctor's note", "form filled out", "blood pressure check", "screening", "mammogram",
               "new patient visit", "well visit", "routine visit", "school physical", "allergy test",
               "insurance question", "billing question", "question about my bill", "eye exam", "hearing test",
               "stitches taken out", "covid test", "travel shots", "diabetes check", "skin check", "mole",
               "pregnancy test", "cleaning", "yearly exam", "regular checkup", "medication review"),
    "complaint": ("{body} pain", "pain in my {body}", "sore {body}", "{body} ache", "problem with my {body}",
                  "pain", "cold", "bad cold", "cough", "bad cough", "fever", "headache", "bad headaches", "migraine",
                  "sore throat", "rash", "rash on my {body}", "ear infection", "earache", "runny nose", "flu", "sinus infection",
                  "stomach ache", "back pain", "allergies", "infection", "swelling", "swollen {body}", "itchy {body}",
                  "trouble sleeping", "dizziness", "nausea", "high blood pressure", "toothache", "bug bite",
                  "urinary tract infection", "lump on my {body}", "cut on my {body}", "burn", "sprained {joint}",
                  "heartburn", "constipation", "diarrhea", "anxiety", "depression", "cramps", "asthma", "pink eye"),
    "joint": ("ankle", "wrist", "knee", "finger", "toe", "shoulder", "elbow"),
    "body": BODY_PARTS,
    "hurts": ("hurts", "is hurting", "has been hurting", "is sore", "is swollen", "aches", "is stiff",
              "is bothering me", "is itchy", "has been bothering me", "is killing me", "feels funny", "is red"),
    "since": ("", "", "for {n} days", "for {n} weeks", "for about a week", "since {day}", "since yesterday",
              "since last week", "for a while", "for a few days", "all week", "for a couple of days", "lately"),
    "n": ("two", "three", "four", "five", "six", "ten"),
    # calendar
    "day": DAYS,
    "month": MONTHS,
    "date": tuple(ORDINALS),
    "daypart": ("morning", "afternoon", "evening"),
    "inday": ("in the {daypart}", "in the {daypart}", "{daypart}", "at noon", "around noon", "after lunch", "before lunch",
              "early in the {daypart}", "late in the {daypart}", "first thing in the morning", "after work",
              "late {daypart}", "early {daypart}", "mid {daypart}", "at lunchtime", "as early as possible",
              "any time", "anytime", "before noon", "after school", "late in the day", "midday", "noon"),
    "when": ("{day}", "{day}", "{day}", "next {day}", "this {day}", "tomorrow", "today", "on {day}", "on {day}",
             "the {date}", "{month} {date}", "{month} the {date}", "the {date} of {month}", "next week",
             "this week", "the day after tomorrow", "a week from {day}", "{day} the {date}", "{day} or {day}",
             "{day} {month} {date}", "{day} next week", "later this week", "any day", "early next week",
             "the end of the week", "sometime next week", "in two weeks", "the week after next", "this coming {day}",
             "tomorrow {daypart}", "{day} {daypart}", "next {day} {daypart}", "as soon as possible", "the following {day}"),
    "hour": HOURS,
    "minute": ("", "", "thirty", "fifteen", "forty five", "o'clock", "ten", "twenty", "oh five", "forty", "fifty"),
    "half": ("a.m.", "p.m.", "in the morning", "in the afternoon", "in the evening", "", "", ""),
    "clock": ("{hour} {minute} {half}", "{hour} {minute} {half}", "{hour}", "half past {hour}", "quarter past {hour}",
              "quarter to {hour}", "{hour} o'clock", "around {hour}", "about {hour}", "ten to {hour}",
              "after {hour}", "before {hour}", "between {hour} and {hour}", "{hour} or {hour} thirty", "ten past {hour}"),
    "works": ("works", "works for me", "is good", "is fine", "would be good", "would be great", "works best",
              "would work", "is better", "is best", "would be better", "sounds good", "is perfect", "would be fine",
              "is okay", "would be best", "will work", "should work", "is good for me", "would be perfect", "will do"),
    # numbers
    "digit": ("zero", "oh", *ONES, "zero", *ONES, "five", "five", *ONES, "double {one}"),
    "one": ONES,
    "d3": ("{digit} {digit} {digit}", "{digit} {digit} {digit}", "five five five", "{one} {teen}", "{one} hundred", "eight hundred",
           "{digit} {one} {one}",
        "{one} oh {one}",
        "{one} zero {one}",
        "{one} one {one}",
    ),
    "teen": TEENS,
    "ten": TENS,
    "d4": ("{digit} {digit} {digit} {digit}", "{digit} {digit} {digit} {digit}", "oh one {digit} {digit}",
           "zero one {digit} {digit}", "{pair} {pair}", "double {one} double {one}", "double {one} {digit} {digit}",
           "triple {one} {digit}", "{digit} {digit} double {one}", "{one} thousand"),
    "pair": ("{ten} {one}", "{ten}", "{teen}", "oh {one}", "{digit} {digit}"),
    "phone": ("{d3} {d3} {d4}", "{d3} {d3} {d4}", "{d3} {d3} {d4}", "{d3} {d3} {d4}", "{d3} {d4}", "area code {d3} {d3} {d4}",
              "one {d3} {d3} {d4}", "{d3} {d3} {d4} that's my cell", "{d3} five five five {d4}", "{d3} five five five {d4}"),
    "mynumber": ("my number is", "it's", "my phone number is", "you can reach me at", "you can call me at", "call me at",
                 "my cell is", "my cell phone is", "the number is", "the best number is", "sure it's", "yes it's",
                 "my mobile is", "you can call me back at", "my home number is", "try", "yeah", "okay", "area code",
                 "i'm at", "my callback number is", "that's", "the best number to reach me is", "here it is", "please call", "write down"),
    # names
    "myname": ("my name is", "my name's", "i'm", "i am", "this is", "it's", "the name is", "my first name is", "first name",
               "call me", "you can call me", "the patient is", "the patient's name is", "the name's", "yes it's", "sure it's", "his name is",
               "her name is", "it's for", "the appointment is for", "everyone calls me", "people call me", "yeah this is", "hi this is", "that's"),
    # medicines
    "dose": ("five", "ten", "twenty", "fifty", "a hundred", "forty", "twenty five", "five hundred", "one"),
    "med": ("{drug}", "{drug}", "{drug}", "{drug}", "medication", "medicine", "blood pressure medicine", "prescription", "pills",
            "inhaler", "{drug} inhaler", "{drug} tablets", "{drug} pills", "antibiotics", "insulin pen", "thyroid medicine",
            "{drug} prescription", "{dose} milligrams of {drug}", "cholesterol medicine", "birth control", "heart medication", "eye drops"),
    # people
    "who": ("a person", "a real person", "someone", "somebody", "a human", "a human being", "the receptionist", "an operator",
            "the front desk", "a nurse", "the nurse", "the doctor", "doctor {last}", "a representative", "an agent", "the office",
            "the manager", "the office manager", "a staff member", "someone else", "somebody who can help", "billing",
            "the billing department", "the pharmacy", "a live person", "{practice}", "the secretary", "reception", "scheduling", "an actual person"),
    "say": ("speak to", "speak with", "talk to", "talk with", "be connected to", "get", "be transferred to", "reach"),
    "put": ("connect me to", "transfer me to", "put me through to", "let me speak to", "let me talk to", "get me", "give me", "i want",
            "can you get me", "could you connect me with", "just get me", "please transfer me to", "i'd rather talk to", "i'll wait for",
            "i'd rather speak with", "i prefer", "is there", "can i have"),
    # agreement
    "yes": ("yes", "yeah", "yep", "yup", "sure", "correct", "right", "okay", "exactly", "absolutely", "of course", "uh huh", "mm hmm", "that's right",
            "that's correct", "that is correct", "perfect", "sounds good", "that's it", "that's fine", "you got it", "yes it is", "yes i do",
            "yes i am", "yes that's fine", "that works", "definitely", "all good", "fine", "i do", "it is", "please do", "go ahead", "good"),
    "no": ("no", "nope", "nah", "no thanks", "no thank you", "no it's not", "no it isn't", "not really", "no that's wrong", "no that's not right", "that's wrong",
           "that's not right", "that's not correct", "incorrect", "wrong", "not quite", "i don't think so", "no i don't", "no i'm not", "not yet",
           "no way", "not at all", "no sir", "no ma'am", "that isn't right", "i'm not", "that's not it", "never mind", "not exactly"),
    "unsure": ("maybe", "i'm not sure", "i don't know", "i guess", "i guess so", "i think so", "probably", "it depends", "what do you mean",
               "can you repeat that", "what was that", "sorry", "pardon", "say that again", "could you say that again", "hold on", "one moment",
               "just a second", "let me check", "wait", "hang on", "i didn't hear you", "can you say it again please", "come again", "excuse me",
               "let me think", "one second", "repeat that please", "i didn't catch that", "what did you say", "sorry what", "could you repeat the question"),
    "oops": ("no", "no wait", "wait", "actually", "sorry", "i mean", "i meant", "i'm sorry", "no sorry", "oh wait", "no no", "hold on", "not {day}", "no not {day}",
             "let me correct that", "no i said", "i said", "correction", "scratch that", "change that to", "make that", "make it", "can we make it",
             "actually make it", "could we do", "let's do", "let's say", "can you change it to", "change it to", "it should be", "no it's", "i'd rather", "no make it",
             "can i change that to", "that should be", "no it should be", "better", "rather", "not the {date}", "not {hour}"),
    "thing": ("day", "time", "name", "number", "date", "phone number", "reason", "appointment", "last digit", "first name", "month", "hour"),
    # talk beside the point
    "aside": ("what are your hours", "what are your office hours", "when do you open", "when do you close", "what time do you close", "are you open on {day}",
              "where are you located", "what's your address", "how do i get there", "is there parking", "where do i park", "do you take insurance",
              "do you accept my insurance", "which insurance do you take", "how much does it cost", "how much is a visit", "do i need a referral",
              "do you have a website", "what's your fax number", "can i pay online", "what is your email address", "are you a robot", "am i talking to a robot",
              "are you a real person", "is this a recording", "what's the weather like", "it's raining here", "how are you", "how are you today", "i'm fine thank you",
              "the line is bad", "i can't hear you", "can you hear me", "can you speak up", "speak slower please", "you're too fast", "do you speak spanish",
              "i'll call back later", "i'll call you back", "never mind goodbye", "thank you goodbye", "that's all", "that's all thank you", "nothing else",
              "who is this", "what is this", "is this the clinic", "is this the doctor's office", "is this {practice}", "wrong number sorry", "i have the wrong number",
              "i have a question", "i have a quick question", "i need directions", "what should i bring", "do i need to fast", "can i bring my {family}", "how long does it take",
              "how long is the wait", "can i get a reminder", "can you send me a text", "can you email me", "my dog is barking", "the kids are loud", "turn that down",
              "i'm driving", "i'm at work", "let me find my calendar", "let me get a pen", "i need to ask my {family}", "are you still there", "hello", "hello is anyone there",
              "did you see the game", "i left my jacket there", "is the office closed on {day}", "what's today's date", "what day is it", "do you take walk ins",
              "do you take new patients", "are you accepting new patients", "who are the doctors", "is doctor {last} in today", "how do i get my records", "can i get my results"),
}  # fmt: skip

_BOOK = (
    "{hi} {iwant} to {book} {bye}", "{hi} {can} i {book} {bye}", "{hi} {iwant} to {book} with {doctor}",
    "{hi} {iwant} to {book} for {when}", "{hi} do you have {opening} {when}", "{hi} {iwant} an appointment {bye}",
    "{hi} is there {opening} {when}", "{hi} is {doctor} available {when}", "{can} you {book} me in {when}",
    "{hi} {can} i {book} {when} {inday}", "{hi} when can i {book}", "{hi} what's the earliest i can {book}",
    "{hi} {iwant} to {book} about {a} {complaint}", "appointment {bye}", "an appointment with {doctor} {bye}",
    "{hi} {can} you fit me in {when}", "{hi} how soon can i {book}", "{hi} {iwant} an appointment with {doctor} {when}",
    "{hi} my {family} needs to {book}", "{hi} i'm trying to {book}", "when is the next {opening}", "when's the next available appointment",
    "{hi} i haven't been in for a while and i'd like to {book}", "{hi} i'm a new patient and i want to {book}",
)  # fmt: skip
_REASON = (
    "{hi} {ineed} {a} {errand} {bye}", "{ineed} {a} {errand}", "{a} {errand}", "{errand} {bye}", "{hi} {ineed} {a} {complaint}",
    "{ineed} {a} {complaint} {since}", "{complaint}", "i've had {a} {complaint} {since}", "my {body} {hurts} {since}", "my {family} has {a} {complaint}",
    "i think i have {a} {complaint}", "i hurt my {body}", "i fell and hurt my {body}", "it's my {body}", "i don't feel well", "i've been feeling sick {since}",
    "i've been having {complaint} {since}", "for {a} {errand}", "it's for {a} {errand}", "about {a} {errand}", "my {family} needs {a} {errand}", "i'm due for {a} {errand}",
    "my {body} {hurts} when i move it", "i'm not feeling well", "i've been coughing {since}", "i have {a} {complaint} and {a} {complaint}", "i'm here about {a} {errand}",
    "the doctor told me to come back for {a} {errand}", "i need {errand}", "{reason}", "{reason} {bye}", "{ineed} {a} {reason}", "{a} {reason} {bye}", "{own}",
)  # fmt: skip
_NAME = (
    "{name}", "{name}", "{myname} {name}", "{myname} {name}", "{myname} {name}", "{hi} {myname} {name} {bye}", "{myname} {name} {last}", "{name} {last}",
    "{hi} {myname} {name}", "{myname} {name} and my last name is {last}", "my last name is {last}", "{name} like the month", "{name} is my name",
    "it's {name} not {name}", "sure {name}", "yes {name}", "doctor {last} is my doctor", "{name} that's my name", "just {name}", "no {name}",
)  # fmt: skip
_PHONE = (
    "{phone}", "{phone}", "{phone}", "{mynumber} {phone}", "{mynumber} {phone}", "{mynumber} {phone}", "{phone} {bye}", "{hi} {mynumber} {phone}", "{d3} {d3}", "{d4}", "{d3}",
    "{d3} {d4}", "the last four are {d4}", "no it's {phone}", "it ends in {d4}", "same number i'm calling from", "this number is fine", "use this number",
    "the number i'm calling from", "my date of birth is {month} {date} nineteen {pair}", "{month} {date} nineteen {ten} {one}", "{month} {date} two thousand {one}",
)  # fmt: skip
_DAY = (
    "{when}", "{when}", "{when} {bye}", "{hi} {when} {bye}", "{when} {works}", "{when} {inday}", "{when} {inday} {works}", "how about {when}", "what about {when}",
    "do you have {opening} {when}", "can i come {when}", "can i come in {when}", "could i do {when}", "maybe {when}", "i can do {when}", "i'm free {when}", "i'm available {when}",
    "any day but {day}", "not {day}", "i can't do {day}", "{when} would be great", "let's do {when}", "let's say {when}", "{when} if you have it", "either {day} or {day}", "i could come {when}",
    "i'd prefer {when}", "is {when} possible", "is {when} okay", "i would like {when}", "{day}s are best", "{day} is my day off", "whatever day you have", "whatever you have first", "make it {when}",
)  # fmt: skip
_TIME = (
    "{inday}", "{inday}", "{inday} {bye}", "{inday} {works}", "{clock}", "{clock}", "at {clock}", "{clock} {bye}", "{clock} {works}", "at {clock} {bye}", "how about {clock}", "how about {inday}",
    "{hi} {inday} {bye}", "{hi} {clock}", "can i come at {clock}", "can i come {inday}", "do you have {opening} {inday}", "do you have {opening} at {clock}", "i'd prefer {inday}", "i prefer the {daypart}",
    "{daypart}s are better", "{daypart}s {works}", "the {daypart} {works}", "i can come {inday}", "the earlier the better", "the later the better", "whenever", "i get off work at {clock}",
    "i can't do {daypart}s", "not in the {daypart}", "either {daypart} or {daypart}", "anything {inday}", "anything after {clock}", "any time before {clock}", "is {clock} available", "the {daypart} please",
)  # fmt: skip
_YES_NO = (
    "{yes}", "{yes}", "{yes} {yes}", "{yes} {bye}", "{no}", "{no}", "{no} {bye}", "{unsure}", "{hi} {yes}", "{hi} {no}", "{yes} thank you", "{yes} that's right", "{no} that's not right", "oh {yes}", "{no} it's {day}",
    "{yes} {when} {works}", "{hi} {unsure}", "{yes} you can", "yes you've got that right", "i believe so", "that sounds right", "as far as i know", "that's the one", "{yes} i would", "no i wouldn't", "no go back",
)  # fmt: skip
_CORRECTION = (
    "{oops} {day}", "{oops} {when}", "{oops} {clock}", "{oops} in the {daypart}", "{oops} {name}", "{oops} {phone}", "{oops} {when} {inday}", "not {day} {day}", "no not {day} {day}", "i said {day} not {day}", "i meant {day} not {day}", "you got the {thing} wrong",
    "the {thing} is wrong", "that's the wrong {thing}", "can i change the {thing}", "i want to change the {thing}", "i need to change the {thing}", "it's {name} not {name}", "my name is {name} not {name}", "no my name is {name}", "no the {thing} is wrong",
    "{oops} {when} instead", "{oops} {day} is better", "can we do {when} instead", "could you change the {thing}", "let me give you the {thing} again", "{oops} the {daypart} instead", "{oops} the last digit is {digit}", "no the number is {phone}", "it ends in {d4} not {d4}",
    "on second thought {when}", "{oops} not {hour} {hour}", "start over", "can we start over", "go back", "i made a mistake", "i gave you the wrong {thing}", "you misheard me", "that's not what i said", "wrong {thing}", "i changed my mind",
)  # fmt: skip
_MEDICINE = (
    "{hi} i need a refill of my {med}", "{hi} i need a refill on my {med}", "{hi} i need a refill for my {med}", "{can} i get a refill of {med}", "i need more {med}", "i need more of my {med}", "i'm out of {med}", "i ran out of my {med}", "i'm almost out of my {med}", "i'm running low on {med}",
    "i take {med}", "i'm taking {med}", "i'm on {med}", "i take {dose} milligrams of {drug}", "{drug}", "{drug} {dose} milligrams", "can you renew my {med}", "can you send my {med} to the pharmacy", "please refill my {med}", "refill {med}", "i've been taking {med} {since}", "i'm allergic to {drug}",
    "the pharmacy says my {med} needs to be approved", "i have a question about my {med}", "is {drug} safe with {drug}", "can i take {drug} with {drug}", "the {med} is making me sick", "i stopped taking my {med}", "i forgot to take my {med}", "my {family} needs {med}", "i lost my {med}", "my {med} ran out",
    "{drug} twice a day", "{drug} once a day", "i have {n} {drug} pills left", "my prescription for {drug} expired", "it's called {drug}", "should i keep taking my {med}", "i was prescribed {drug}", "the doctor gave me {drug}", "i'd like to refill {med}", "my {drug} dose changed", "a refill of {med} {bye}",
)  # fmt: skip
_PERSON = (
    "{hi} {can} i {say} {who} {bye}", "{hi} i want to {say} {who}", "{hi} i'd like to {say} {who} {bye}", "{hi} i need to {say} {who}", "{put} {who} {bye}", "{put} {who}", "{who} {bye}", "{who}", "is there {who} i can {say}", "is there someone i can talk to", "i don't want to talk to a machine", "i don't want to talk to a computer",
    "stop i want {who}", "can somebody call me back", "have {who} call me", "{can} {who} call me back", "leave a message for {doctor}", "i'd like to leave a message", "operator", "representative", "agent", "human", "person", "can i have {who} please", "is {doctor} there", "i only talk to people", "i'd like to have {who} call me back",
    "i was talking to {who}", "this isn't working let me {say} {who}", "just connect me", "this is a robot i want {who}", "get me {who}", "you're not helping i want {who}",
)  # fmt: skip
_ASIDE = (
    "{aside}", "{aside}", "{hi} {aside}", "{aside} {bye}", "{can} you tell me {aside}", "{aside} and {aside}",
)  # fmt: skip

GROUPS: tuple[tuple[str, float, tuple[str, ...]], ...] = (
    ("appointment", 1.2, _BOOK),
    ("reason", 1.4, _REASON),
    ("name", 1.2, _NAME),
    ("phone", 1.2, _PHONE),
    ("day", 1.1, _DAY),
    ("time", 1.0, _TIME),
    ("yes_no", 1.0, _YES_NO),
    ("correction", 1.0, _CORRECTION),
    ("medicine", 1.0, _MEDICINE),
    ("person", 0.8, _PERSON),
    ("aside", 0.8, _ASIDE),
)

_SUBJECT = ("i'm", "i am", "my {family} is", "he's", "she's", "she is", "he is", "we think he's")
_HAVE = (
    "i have",
    "i've got",
    "i'm having",
    "my {family} has",
    "he has",
    "she has",
    "she's got",
    "there's",
)
_STATE = (
    "not breathing", "bleeding a lot", "bleeding badly", "bleeding and it won't stop", "having trouble breathing",
    "choking", "passed out", "unconscious", "turning blue", "having a seizure", "shaking all over", "not waking up",
    "not responding", "having a heart attack", "having a stroke", "vomiting blood", "coughing up blood", "fainting",
    "losing a lot of blood", "getting worse", "really confused", "slurring words", "throwing up blood", "limp",
    "burning up", "in labor", "pregnant and bleeding", "thinking about suicide", "going to hurt myself", "very dizzy",
    "allergic and can't breathe", "swelling up", "struggling to breathe", "gasping for air", "wheezing badly",
)  # fmt: skip
_PAIN = (
    "{body} pain", "pain in my {body}", "terrible {body} pain", "severe {body} pain", "pressure in my {body}",
    "tightness in my {body}", "a tight {body}", "numbness in my {body}", "a crushing pain in my {body}",
    "the worst headache of my life", "a swollen {body}", "weakness in my {body}", "pain going down my {body}",
    "a sharp pain in my {body}", "bad pain in my {body}", "a burning pain in my {body}", "bleeding from my {body}",
)  # fmt: skip
_EVENT = (
    "i can't breathe", "i can hardly breathe", "i can't feel my {body}", "i can't move my {body}", "my {body} is numb",
    "i can't stop the bleeding", "my {family} can't breathe", "my {family} won't wake up", "my {family} fell and hit his head",
    "i hit my head", "my {family} took too many pills", "i took too many pills", "i took too much medicine", "i want to die",
    "i want to kill myself", "i don't want to live anymore", "i might hurt myself", "my {body} hurts really bad", "i think i'm dying",
    "my face is drooping", "i can't see", "i can't talk right", "my throat is closing", "my {body} is swelling up", "my {family} collapsed",
    "my {family} just had a seizure", "my water broke", "the baby isn't moving", "i'm bleeding and i'm pregnant", "my heart is racing",
    "my heart is pounding", "it won't stop bleeding", "i feel like i'm going to pass out", "i passed out", "i fainted", "my lips are swelling",
    "i swallowed something", "my {family} swallowed something", "i cut my {body} really deep", "the {body} pain is getting worse",
    "my {family} hasn't woken up", "he can't move his {body}", "she can't speak", "he stopped breathing", "i was stung by a bee",
    "my vision is blurry", "i can't swallow", "call an ambulance", "i need an ambulance", "i need help right now", "this is an emergency",
    "it's an emergency", "send somebody", "my {family} is not breathing", "i've been throwing up blood", "somebody help me",
)  # fmt: skip
_BEFORE = (
    "",
    "",
    "",
    "please",
    "help",
    "oh my god",
    "i think",
    "hello",
    "um",
    "it's urgent",
    "please help",
    "no",
    "but",
)
_AFTER = ("", "", "", "right now", "and it's getting worse", "since this morning", "please help", "please hurry", "for an hour",
          "and i'm scared", "and i don't know what to do", "all of a sudden", "again", "what should i do", "and i feel sick",
          "and it won't stop", "but i'm fine", "now", "since last night", "and i'm sweating", "and i feel dizzy", "just now")  # fmt: skip


def urgent_sentences(phrases: Iterable[str]) -> Iterator[str]:
    """About 3,000 ways to say what must never be missed: the practice's phrases, then a grammar."""
    chance = random.Random(7)  # noqa: S311  # a fixed corpus, not a secret
    own = tuple(dict.fromkeys(phrase for phrase in phrases if phrase.strip()))
    cores = [
        *own, *own,
        *_EVENT, *_EVENT,
        *(f"{who} {state}" for who, state in itertools.product(_SUBJECT, _STATE)),
        *(f"{who} {pain}" for who, pain in itertools.product(_HAVE, _PAIN)),
    ]  # fmt: skip
    yield from own
    yield from _EVENT_PLAIN
    for index in range(URGENT_SENTENCES):
        core = cores[index % len(cores)]
        while "{" in core:
            core = core.replace("{family}", chance.choice(FAMILY), 1)
            core = core.replace("{body}", chance.choice(BODY_PARTS), 1)
        yield f"{chance.choice(_BEFORE)} {core} {chance.choice(_AFTER)}".strip()


_EVENT_PLAIN = tuple(event for event in _EVENT if "{" not in event)
