"""How people call what an encyclopaedia writes: looser words than a synonym, and words they add of their own.

`paraphrases` may stand in most sentences without a change of sense. These tables go further, as a question typed in
haste does: "premiered" becomes "come out", "portrays" becomes "play". They know single words alone.
"""

from __future__ import annotations


def _table(text: str) -> dict[str, list[str]]:
    entries = (entry.split(":") for entry in text.replace("\n", " ").split(";") if entry.strip())
    return {word.strip(): [other.replace("_", " ") for other in others.split()] for word, others in entries}


# Base form of a verb -> what people say instead, in the base form.
LOOSE_VERBS = _table("""
release: come_out come_out start; premiere: come_out start air; debut: come_out start appear; publish: come_out write;
issue: come_out; portray: play play act; perform: sing play do; record: sing make; compose: write; pen: write;
establish: start begin create; found: start begin make; create: make invent; construct: build make; erect: build;
commence: start begin; inaugurate: open start; originate: come_from start begin; develop: make create; invent: make
come_up_with; locate: find; situate: find locate; reside: live; inhabit: live; defeat: beat win_against; conquer:
take_over; capture: take; occupy: take_over; assassinate: kill; murder: kill; execute: kill; perish: die; marry:
get_married_to; bear: be_born; attend: go_to; graduate: finish go_to; study: go_to_school learn; appoint: make choose;
elect: choose vote_for become; serve: work be; lead: be_in_charge_of run; govern: rule run; control: run own; own:
have; acquire: buy get take_over; purchase: buy; receive: get win; award: give win; earn: get win; win: get; host:
have hold; hold: have take_place; occur: happen take_place; feature: have star; star: play act appear; include: have;
contain: have; comprise: have consist_of; consist: have; cover: take_up; adopt: use pass start_using; ratify: sign
pass; sign: agree_to; introduce: start bring_in come_out; abolish: end get_rid_of; dissolve: end break_up; cease: stop
end; terminate: end; discover: find; explore: find discover; describe: talk_about; write: author make; direct: make;
produce: make; manufacture: make; design: make create; film: shoot make take_place; air: come_on start show;
broadcast: show air; move: go relocate; relocate: move; emigrate: move come; settle: live move; arrive: come get_to;
depart: leave; depict: show; represent: stand_for mean; denote: mean stand_for; symbolize: stand_for mean; signify:
mean; derive: come_from; name: call; call: name know; know: call; term: call; begin: start; conclude: end; complete:
finish; cause: lead_to make; join: become_part_of enter; unite: join; belong: be_part_of; separate: divide split;
divide: split; border: be_next_to touch; flow: run go; rise: start go_up; increase: go_up; decline: go_down; attack:
invade hit; invade: attack; declare: say; announce: say; state: say; claim: say; propose: suggest come_up_with; argue:
say think; believe: think; sell: market; employ: use hire; utilize: use; provide: give; supply: give; grant: give;
play: be_in perform; sing: perform; score: make get; replace: take_over_from; succeed: take_over_from come_after;
precede: come_before; rank: be_rated; measure: be; weigh: be; operate: run; manage: run; sponsor: pay_for; fund:
pay_for; finance: pay_for; influence: affect; inspire: influence; kill: murder; destroy: ruin; win: get; open: start;
close: shut_down end; base: be_from; refer: mean
""")

# Noun -> what people say instead.
LOOSE_NOUNS = _table("""
film: movie movie; television: tv; series: show show; programme: show; episode: show part; sitcom: show; novel: book;
autobiography: book; single: song; track: song; composition: song; musician: singer; vocalist: singer; performer:
singer; footballer: player; cricketer: player; actor: star; actress: star; protagonist: main_character; antagonist:
villain; president: leader; monarch: king; emperor: ruler; inhabitants: people population; residents: people;
population: people; headquarters: main_office base; municipality: city town; settlement: town; capital: capital_city;
nation: country; corporation: company; firm: company; manufacturer: maker company; organization: group; organisation:
group; physician: doctor; attorney: lawyer; automobile: car; aircraft: plane; vessel: ship; conflict: war; battle:
fight war; championship: title tournament; tournament: cup; season: year; match: game; award: prize; university:
college school; institution: school; residence: home; spouse: wife; territory: land; region: area part; peninsula:
area; summit: top; elevation: height; duration: length; currency: money; legislature: government; parliament:
government; constitution: law; treaty: agreement; independence: freedom; revolution: war; uprising: revolt;
assassination: death killing; illness: disease; species: animal kind; organism: living_thing; atmosphere: air;
substance: material; element: chemical; founder: creator; creator: maker; designer: maker; director: maker; author:
writer; character: role; role: character; portrayal: role; soundtrack: music; lyrics: words; album: record; band:
group; ensemble: group; newspaper: paper; magazine: paper; religion: faith; deity: god; scripture: holy_book;
language: tongue; origin: start; birth: born; creation: making; foundation: start; establishment: start; release:
release_date; construction: building; railway: train; railroad: train; highway: road; airport: airport; stadium:
home_field arena; arena: stadium; venue: place location; site: place location; location: place; area: size; border:
boundary; boundary: border; king: ruler; war: conflict
""")

# Place names' adjectives -> the place, for "the British army" -> "the army of Britain".
OF_PLACES = _table("""
American: America USA US; British: UK Britain; English: England; French: France; German: Germany; Italian: Italy;
Spanish: Spain; Russian: Russia; Soviet: Russia USSR; Chinese: China; Japanese: Japan; Indian: India; Canadian:
Canada; Australian: Australia; Mexican: Mexico; Brazilian: Brazil; Irish: Ireland; Scottish: Scotland; Welsh: Wales;
Dutch: Netherlands; Belgian: Belgium; Swedish: Sweden; Norwegian: Norway; Danish: Denmark; Finnish: Finland; Polish:
Poland; Greek: Greece; Turkish: Turkey; Egyptian: Egypt; Israeli: Israel; Iranian: Iran; Korean: Korea; Roman: Rome;
European: Europe; African: Africa; Asian: Asia; Austrian: Austria; Hungarian: Hungary; Portuguese: Portugal; Swiss:
Switzerland
""")

ADDED_ADJECTIVES = (
    "first first first famous main old original real new biggest current best oldest actual largest popular only "
    "official modern whole american great different last next"
).split()
ADDED_TAILS = tuple(
    "in the world|in history|today|now|in real life|in english|originally|for the first time|in the united states|"
    "according to the story|in the book|in the movie|on tv|in the show|in the series|at the end|this year|last time|"
    "in the story|in the past|after the war|during the war|at that time|right now".split("|")
)
ADDED_TO = {
    "place": ("located", "found", "take place", "come from", "happen"),
    "date": ("happen", "take place", "first", "start"),
    "year": ("happen", "take place", "first", "begin"),
    "person": ("known as", "again"),
    "name": ("called", "named", "known as"),
    "quote": ("called", "named", "titled"),
    "noun": ("called", "known as", "used"),
    "which": ("called", "located", "known as"),
    "count": ("in total", "altogether", "there"),
    "money": ("paid", "worth"),
    "measure": ("total", "last", "in total"),
    "share": ("in total", "of the total"),
}
"""Tails that fit a kind of answer."""
ADDED_TYPES = (
    "the movie",
    "the song",
    "the book",
    "the show",
    "the game",
    "the word",
    "the name",
    "the term",
    "the new",
)
"""A type noun that people set before a name of which the text does not say what it names."""

# Unit -> how one asks for so many of it.
UNITS = {
    **dict.fromkeys(
        "km kilometers kilometres miles mile".split(), ("how far", "how long", "how many miles", "how big")
    ),
    **dict.fromkeys(
        "m feet ft metres meters inches cm".split(), ("how tall", "how high", "how long", "how deep", "how big")
    ),
    **dict.fromkeys("years months weeks days hours minutes seconds".split(), ("how long", "how long", "how much time")),
    **dict.fromkeys("kg tons tonnes pounds kilograms grams".split(), ("how heavy", "how much", "how much weight")),
    **dict.fromkeys("acres hectares".split(), ("how big", "how large")),
    **dict.fromkeys("degrees".split(), ("how hot", "how many degrees", "what temperature")),
}

# Participle's verb -> what people say happened instead: "when was X released" -> "when did X come out".
STARTED = {
    "release": ("come out", "come out", "get released"), "publish": ("come out", "come out"), "issue": ("come out",),
    "premiere": ("come out", "start"), "broadcast": ("air", "come on"), "found": ("start", "begin"),
    "establish": ("start", "begin", "become"), "introduce": ("come out", "start"), "launch": ("start", "come out"),
    "open": ("open",), "create": ("start",), "form": ("form", "get together"), "begin": ("begin", "start"),
    "hold": ("take place", "happen"), "build": ("get built",), "abolish": ("end",), "dissolve": ("end", "break up"),
    "adopt": ("start", "begin"), "sign": ("happen",), "elect": ("become",), "appoint": ("become",),
}  # fmt: skip

# What stands last where a query names the thing first: "Dracula author".
LABELS = {
    "person": ("name", "who"), "place": ("location", "where", "place"), "date": ("date", "when", "date"),
    "year": ("year", "date", "when"), "money": ("price", "cost", "how much"), "share": ("percentage", "percent"),
    "measure": ("how much", "size", "length"),
}  # fmt: skip
