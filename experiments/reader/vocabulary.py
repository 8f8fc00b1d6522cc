"""A maker of names, words, numbers, dates and ids: the values of every generated task.

Two sources, mixed: lists of real words written for this project, so that text looks like text, and words made of
syllables, so that a value can be read but not remembered. It knows nothing of tasks or of text. A `Words` draws from
one `random.Random` alone: the same seed gives the same words in every process.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


def _phrases(text: str) -> list[str]:
    """The entries of a list whose separator is a bar or the end of a line."""
    return text.strip().replace("\n", "|").split("|")


FIRST_NAMES = """
Aaron Abdul Abena Ada Adam Adaeze Aditi Agnes Ahmed Aiko Aisha Akira Alan Alba Alejandro Alice Alina Amara Amina Amit
Amy Ana Anders Andrea Andrei Angela Anika Anna Antonio Anwar Arjun Arthur Asha Astrid Ayumi Babak Barbara Beatriz Ben
Bianca Birgit Bogdan Boris Brenda Brian Bruno Camila Carla Carlos Carmen Caroline Catherine Chen Chidi Chiara Chloe
Christine Clara Claude Colin Connor Cyrus Dafydd Dalia Daniel Daria David Deepak Delia Diana Diego Dmitri Dolores Dora
Douglas Edgar Edith Eduardo Edwin Eileen Elena Elias Elif Elsa Emeka Emil Emily Emma Enrique Erik Esther Eva Evelyn
Fatima Felix Fernanda Fiona Florence Francesca Frank Frida Gabriel Gareth Georg George Gerda Gia Gita Giulia Gloria
Grace Greta Guillermo Gustav Hakim Hamid Hana Hannah Harold Haruto Hassan Hector Heidi Helen Henrik Hiroshi Hugo Ian
Ibrahim Ida Igor Ilse Imani Ingrid Irene Isaac Isabel Ivan Ivy Jack Jakub Jamal James Jan Jane Janelle Javier Jelena Jin
Joanna Johan John Jorge Joseph Juan Judith Julia Jun Kamal Karen Karim Karl Kasia Katarina Keiko Kenji Kevin Khadija
Kofi Kwame Lars Laura Leila Lena Leo Leonor Leticia Lidia Ling Linda Lorenzo Louise Lucia Ludmila Luis Luka Magda Malik
Manuel Marcel Margaret Maria Mariam Marina Mark Marta Martin Mary Mateo Mei Mehmet Mercy Michael Miguel Mikhail Mina
Miriam Mohamed Monica Nadia Naomi Natalia Nathan Neil Ngozi Nia Nicholas Nikolai Nils Nina Nora Noriko Octavia Olga
Olivia Omar Oscar Otto Pablo Palesa Patricia Paul Paula Pedro Peter Petra Philip Pia Priya Rachel Rafael Rahul Raisa
Ramona Rana Ravi Raymond Rebecca Renata Richard Rita Robert Rosa Roxana Ruth Ryo Sabine Salma Samir Samuel Sandra Sanjay
Sara Sasha Sebastian Selma Sergei Shira Sigrid Silvia Simon Sofia Stefan Stella Sunita Susan Sven Svetlana Takeshi
Tamara Tariq Tatiana Teresa Thandi Theo Thomas Tobias Tomas Tuan Ulrich Uma Ursula Valentina Vera Veronica Victor Vikram
Viola Walter Wanda Wei William Winston Xavier Yara Yasmin Yiannis Yoko Yuri Yusuf Yvonne Zainab Zara Zeynep Zoe Zoran
""".split()

SURNAMES = """
Abbott Abebe Acheson Adeyemi Agarwal Aguilar Ahlberg Akhtar Albrecht Aldridge Allard Almeida Alvarez Amado Andersson
Andrade Antonov Appiah Araujo Archer Arnold Asante Ashby Atkins Aziz Bakker Baldwin Banerjee Barlow Barros Bauer Becker
Belmonte Bennett Berg Bernard Bianchi Bishop Blackwood Blanco Bose Bowen Bradley Brandt Braun Briggs Brooks Burke
Byrne Cabrera Caldwell Calvo Campbell Cardoso Carlsen Carpenter Castillo Chandra Chang Chapman Chavez Christensen Clarke
Cohen Conti Cooper Cordova Costa Coulter Crawford Cruz Curtis Dalgaard Danso Das Davies Delgado Desai Diallo Dietrich
Dixon Dominguez Donovan Dubois Dumont Duncan Dvorak Eastwood Eklund Elliott Endo Engel Eriksen Escobar Espinoza Evans
Fairchild Farouk Faulkner Fernandes Ferrari Fischer Fletcher Flores Fontaine Forsyth Foster Franco Friedman Fujimoto
Galindo Garcia Gardner Gibson Gill Goldberg Gomez Gonzales Gordon Graham Granger Gray Greene Griffin Gupta Gutierrez
Haas Hadley Hagen Hale Halvorsen Hamilton Hansen Hardy Harper Hawkins Hayashi Heath Henderson Herrera Hewitt Hidalgo
Hoffman Holloway Holm Horvat Howard Huang Hughes Hussein Ibarra Ibsen Ikeda Inoue Iqbal Ivanov Jacobsen Jain Jansen
Jarvis Jennings Jensen Jimenez Johansson Jordan Joshi Kamau Kapoor Karlsson Kato Kaufman Keller Kelly Kennedy Khalil
Khan Kim Kimura Klein Knight Kobayashi Koch Kovacs Kowalski Kramer Krishnan Kruger Kumar Kuznetsov Lambert Lang Larsen
Laurent Lawson Lebedev Lehmann Leone Levine Lewis Lim Lindqvist Linton Lopez Lowell Lund Lynch Macdonald Machado Madsen
Magnusson Mancini Marchetti Marino Marsh Martinez Mason Matsuda Mbeki Mccarthy Medina Mehta Mendes Menon Mercer Meyer
Miller Mishra Mitchell Mohr Molina Montgomery Morales Moreau Moretti Morgan Mori Morozov Mueller Murphy Murray Mwangi
Nagy Nair Nakamura Navarro Nazari Nelson Neumann Newell Nguyen Nielsen Nkosi Nolan Nordin Norton Novak Nunez Obi Ochoa
Oduya Okafor Okoye Olsen Orlov Ortega Osei Ospina Owens Pacheco Palmer Papadakis Park Parker Patel Pavlov Pearson
Pedersen Pereira Perez Perry Petrov Phan Pham Pierce Popescu Porter Powell Prasad Price Quinn Ramirez Ramos Rao
Rasmussen Reddy Reid Reyes Ribeiro Richter Rinaldi Rivera Robinson Rojas Romano Rosen Rossi Rousseau Rowe Ruiz Russell
Ryan Saito Salazar Salinas Sanders Santos Sato Schaefer Schmidt Schneider Schwartz Scott Serrano Sharma Shaw Shepherd
Shimizu Silva Simmons Singh Skinner Sokolov Solberg Sorensen Spencer Stanton Stein Stewart Stone Strand Sullivan Suzuki
Svensson Swanson Takahashi Tan Tanaka Taylor Thakur Thompson Thornton Torres Tran Tucker Turner Ueda Underwood Valdez
Vargas Vasquez Vaughn Vega Verma Vidal Villa Vogel Volkov Wagner Walker Wallace Walsh Wang Ward Warren Watanabe Weber
Webster Weiss West Whitaker White Wilkins Williams Wilson Winter Wolf Wong Wood Wright Yamada Yang Yates Yilmaz Young
Zapata Zhang Ziegler Zimmerman
""".split()

CITIES = _phrases("""
Aachen|Aberdeen|Abidjan|Accra|Adelaide|Algiers|Almaty|Amsterdam|Ankara|Antwerp|Arequipa|Athens|Atlanta|Auckland|Austin
Bamako|Bangalore|Bangkok|Barcelona|Basel|Beirut|Belfast|Belgrade|Bergen|Berlin|Bern|Bilbao|Birmingham|Bogota|Bologna
Bordeaux|Boston|Brasilia|Bratislava|Bremen|Brisbane|Bristol|Brno|Brussels|Bucharest|Budapest|Buenos Aires|Cairo|Calgary
Cape Town|Caracas|Cardiff|Casablanca|Chennai|Chicago|Cologne|Colombo|Copenhagen|Cordoba|Cork|Cusco|Dakar|Dallas
Damascus|Darwin|Delhi|Denver|Detroit|Dhaka|Dresden|Dublin|Durban|Edinburgh|Florence|Frankfurt|Freetown|Gdansk|Geneva
Genoa|Ghent|Glasgow|Granada|Graz|Guadalajara|Hamburg|Hanoi|Harare|Havana|Helsinki|Hobart|Houston|Hyderabad|Innsbruck
Islamabad|Istanbul|Izmir|Jakarta|Jerusalem|Johannesburg|Kampala|Karachi|Kathmandu|Kharkiv|Kigali|Kingston|Kinshasa
Krakow|Kumasi|Kyoto|Lagos|Lahore|La Paz|Leeds|Leipzig|Lille|Lima|Lisbon|Liverpool|Ljubljana|London|Luanda|Lusaka|Lyon
Madison|Madrid|Malaga|Manchester|Manila|Maputo|Marseille|Melbourne|Memphis|Mexico City|Miami|Milan|Minsk|Mombasa
Montevideo|Montreal|Moscow|Mumbai|Munich|Nagoya|Nairobi|Nantes|Naples|New Orleans|Nice|Nicosia|Odessa|Oporto|Osaka|Oslo
Ottawa|Oxford|Palermo|Paris|Perth|Philadelphia|Phoenix|Portland|Prague|Pretoria|Quebec|Quito|Rabat|Recife|Reykjavik
Riga|Rome|Rosario|Rotterdam|Salvador|Salzburg|Samara|Santiago|Sao Paulo|Sapporo|Sarajevo|Seattle|Seoul|Seville
Shanghai|Sheffield|Singapore|Skopje|Sofia|Stockholm|Strasbourg|Stuttgart|Sydney|Tallinn|Tampere|Tashkent|Tbilisi
Tirana|Tokyo|Toledo|Toronto|Toulouse|Trieste|Tripoli|Tucson|Tunis|Turin|Utrecht|Valencia|Valparaiso|Vancouver|Venice
Verona|Vienna|Vilnius|Warsaw|Wellington|Winnipeg|Wroclaw|Yerevan|York|Zagreb|Zaragoza|Zurich
""")

COUNTRIES = _phrases("""
Albania|Algeria|Angola|Argentina|Armenia|Australia|Austria|Bangladesh|Belgium|Belize|Benin|Bhutan|Bolivia|Botswana
Brazil|Bulgaria|Cambodia|Cameroon|Canada|Chad|Chile|China|Colombia|Costa Rica|Croatia|Cuba|Cyprus|Denmark|Ecuador|Egypt
Estonia|Ethiopia|Fiji|Finland|France|Gabon|Georgia|Germany|Ghana|Greece|Guatemala|Guinea|Guyana|Haiti|Honduras|Hungary
Iceland|India|Indonesia|Iran|Iraq|Ireland|Israel|Italy|Jamaica|Japan|Jordan|Kazakhstan|Kenya|Kuwait|Laos|Latvia|Lebanon
Liberia|Libya|Lithuania|Luxembourg|Madagascar|Malawi|Malaysia|Mali|Malta|Mauritius|Mexico|Moldova|Mongolia|Morocco
Mozambique|Namibia|Nepal|New Zealand|Nicaragua|Niger|Nigeria|Norway|Oman|Pakistan|Panama|Paraguay|Peru|Poland|Portugal
Qatar|Romania|Rwanda|Samoa|Senegal|Serbia|Slovakia|Slovenia|Somalia|South Africa|Spain|Sri Lanka|Sudan|Suriname|Sweden
Switzerland|Syria|Tanzania|Thailand|Togo|Tunisia|Turkey|Uganda|Ukraine|Uruguay|Venezuela|Vietnam|Yemen|Zambia|Zimbabwe
""")

NOUNS = """
abbey acorn actor almond alphabet altar anchor angle ankle antler anvil apple apricot apron arch armour arrow ash aspen
atlas attic aunt avenue axle badge badger bakery balcony ballad balloon bamboo banjo banner barber bark barley barn
barrel basin basket bathtub battery beacon bead beam bean beaver bell belt bench berry bicycle birch biscuit blanket
blossom boat bolt bonnet border bottle boulder bouquet bow bowl bracelet bramble branch bread breeze brick bridge broom
brush bucket buckle bugle bundle burrow butter button cabbage cabin cable cactus cage calendar camel camera canal candle
candy canoe canvas canyon cape caravan card cargo carpet carriage carrot cart castle cathedral cattle cave cedar cellar
cello cement chain chair chalk chapel charcoal chariot cheese cherry chess chest chestnut chimney chisel cider cinder
circus clarinet clay cliff clinic cloak clock cloth cloud clover coal coat cobble coconut coffee coin collar comb comet
compass copper coral cork corner cottage cotton couch court cradle crane crater crayon creek cricket crown crystal cup
cupboard curtain cushion cymbal daisy dam dancer dawn deck desert desk diamond diary dipper dish ditch dolphin donkey
door dove dragon drawer drum duchess dune dust eagle easel echo elbow elm ember emerald engine envelope estuary fabric
falcon farm feather fence fern ferry fiddle field fig finch fjord flag flame flannel flask flax fleet flint flour flute
foal fog forest forge fork fortress fossil fountain fox frost fruit funnel galaxy gallery garden garlic garnet gate
gazelle geyser ginger giraffe glacier glass glove goat gorge grain granite grape gravel grove guitar gull hammer hammock
harbor harp harvest hatchet hawk hay hazel hearth hedge helmet herb heron hill hinge hive honey hook horizon horn hornet
hotel hut ink inlet iris iron island jacket jar jasmine jewel jigsaw journal jug juniper kayak kennel kettle key kiln
kingdom kite kitten knife knot lace ladder lagoon lake lamp lantern lark lattice laurel lava leaf leather ledger lemon
lens leopard letter lever library lichen lighthouse lily linen lion lizard locket loom lotus lumber lute lynx magnet
magpie mallet mango mantle maple marble market marsh mask mast meadow medal melody melon meteor mill mirror mitten moat
monk moon moor mosaic moss moth mountain mug mural mustard napkin nectar needle nest nettle newspaper nickel notebook
nutmeg oak oar oasis oat ocean olive onion opal orchard orchid organ otter oven owl oyster paddle page palace palm
panther paper parade parrot parsley path peach peacock pear pearl pebble pelican pencil penguin pepper piano pickle
pigeon pillar pillow pine pipe pistachio pitcher plank planet plate plaza plough plum pocket pond pony poplar poppy
porch
portrait pottery powder prairie prism pulley pump pumpkin puppet puzzle pyramid quail quarry quartz quill quilt quiver
rabbit radish raft railway rain raisin rake ranch raven reed reef ribbon rice ridge ring river robin rocket rope rose
rowan ruby rug rust saddle saffron sail salmon salt sandal sapphire satchel saucer scarf school scissors scroll seal
seed shack shadow shawl shed shell shelter shield ship shore shovel shrine shrub shutter silk sketch slate sled slope
smoke snail snow soap socket soil sparrow spear spice spider spindle spoon spruce squirrel stable stairs star statue
steam steel stone stork storm stove straw stream stump sugar summit sundial swallow swan sword syrup table tailor tavern
tea teapot temple tent terrace thimble thistle thorn thread throne thunder ticket tiger tile timber toad toast tomato
topaz torch tower trail train treasure trellis trumpet trunk tulip tunnel turnip turtle twig umbrella urn valley vase
vault veil vessel viaduct village vine vineyard violin volcano wagon wallet walnut walrus waltz warehouse watch
waterfall wave wax weasel well whale wharf wheat wheel whistle willow windmill window wing wolf wool wreath yacht yarn
yew zebra zinc
""".split()

ADJECTIVES = """
able absent abundant active aged agile alert ancient angry anxious ardent arid artful austere average awake awful azure
bald bare bashful basic bent big bitter blank bleak blunt bold bony brave brazen brief bright brisk brittle broad bronze
bumpy busy calm candid careful casual cautious charming cheap cheerful chilly chubby civil clean clear clever cloudy
clumsy coarse cold common complex cool correct costly cosy crafty crisp crooked crowded cruel cubic curious curly damp
daring dark dear decent deep delicate dense dim direct distant dizzy double drab dreary dry dull dusty eager early
earnest earthy easy elastic elder elegant empty endless equal exact faded faint fair faithful famous fancy fast feeble
fertile festive fierce final fine firm flat fleeting flimsy floral fluffy fond foreign formal fragile frail frank free
fresh friendly frosty frugal full funny fuzzy gaudy gentle giant giddy gifted glad gleaming gloomy glossy graceful grand
grateful grave greasy grim gritty grumpy handsome handy happy hard harsh hasty hazy heavy helpful hidden hoarse hollow
honest hot huge humble humid hungry icy idle immense infinite inner intense jagged jolly joyful juicy keen kind knotty
large late lavish lazy lean level light likely limp liquid little lively local lofty lonely long loose loud lovely loyal
lucky lunar mad magic major marine massive meagre mellow merry messy mighty mild minor misty modern modest moist mossy
muddy murky narrow nasty native neat nervous new nimble noble noisy normal northern novel numb oaken obscure odd oily
old
open orderly ordinary outer oval pale partial patient peaceful perfect petty placid plain playful pleasant plump polite
poor precise pretty prickly prime private prompt proper proud puny pure quaint quick quiet radiant rapid rare raw ready
rebel remote rich rigid ripe roasted robust rocky rosy rotten rough round rowdy royal rugged rural rusty sacred sad
salty
sandy scarce secret serene severe shabby shaggy shallow sharp shiny short shrill shy silent silky silly simple sleek
sleepy slender slim slow sly small smart smooth snowy soft solar solemn solid sombre sore sour southern spare sparse
speedy spicy spiral square stale stately steady steep stern sticky stiff still stormy stout strange strict strong sturdy
subtle sudden sunny superb sweet swift tall tame tart tasty tawny tender tense thick thin thirsty thorny tidy timid tiny
tired tough tranquil tricky tropical true twin ugly upright urban urgent useful usual vacant vague vain valid vast
velvet vivid vocal warm wary watery wavy weak wealthy weary weird western wet whole wicked wide wild wise witty wooden
woolly worn worthy young zany zealous
""".split()

COLOURS = """
red blue green yellow orange purple black white brown pink grey violet crimson scarlet turquoise indigo teal amber
maroon olive silver golden beige navy lilac ivory
""".split()
MONTHS = "January February March April May June July August September October November December".split()

_ONSETS = "b b br c c ch d d dr f f g gr h j k l l m m n n p p pr r r s s sh st t t tr th v v w y z".split()
_VOWELS = "a e i o u a e i o a e i o ai ea au ou io".split()
_MIDDLES = ["", "", "", "", "n", "r", "l", "s", "m"]
_CODAS = ["", "n", "r", "l", "s", "m", "t", "k", "nd", "rt", "st", "x", "ld", "rn", "sk", "ck", "th", ""]
_PLACE_ENDINGS = [
    "",
    "",
    "ton",
    "ville",
    "burg",
    "ford",
    "mouth",
    "ham",
    "stad",
    "grad",
    "field",
    "haven",
    "dale",
    "bury",
]
_PLACE_WORDS = ["", "", "", "", " City", " Falls", " Springs", " Bay", " Heights", " Hill", " Valley", " Point"]
_PLACE_FRONTS = ["New ", "Port ", "Saint ", "Upper ", "Lower ", "North ", "South ", "East ", "West ", "Fort ", "Mount "]
_COUNTRY_ENDINGS = ["ia", "land", "stan", "ania", "ora", "esia", "avia", "mark", "ea"]
_ORGANISATION_ENDINGS = _phrases("""
Group|Systems|Labs|Industries|Holdings|Technologies|Bank|Foods|Media|Partners|Logistics|Energy|Motors|Airlines|Textiles
Robotics|Pharmaceuticals|Insurance|Steel|Shipping|Trust|Institute|Foundation|Press|Studios|Brewery|Instruments|Mining
Corporation|Company|Works|Networks|Software|Electronics|Capital|Brothers|Council|Society|Ventures|Consulting
""")
_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"
_ENDINGS = ["a", "e", "o", "en", "er", "by", "in", "el", "ow", "ay", "is", "on", "et", "us", "wick", "ley", "more"]


def pick(rng: random.Random, items: Sequence[T]) -> T:
    """One item. Three times as fast as `rng.choice`, and as even for lists of this size."""
    return items[int(rng.random() * len(items))]


def a_or_an(phrase: str) -> str:
    """The phrase after its indefinite article, chosen by its first letter."""
    return ("an " if phrase[0] in "aeiouAEIOU" else "a ") + phrase


class Words:
    """Draws values of one kind or another. made: share of made names; single: capitalised words of one token each."""

    def __init__(self, rng: random.Random, made: float = 0.5, single: Sequence[str] = ()) -> None:
        self.rng = rng
        self.made = made
        self.single = single

    def chance(self, share: float) -> bool:
        """True in this share of the calls."""
        return self.rng.random() < share

    def integer(self, low: int, high: int) -> int:
        """A whole number from low to high, both included."""
        return low + int(self.rng.random() * (high - low + 1))

    def distinct(self, make: Callable[[], str], count: int) -> list[str]:
        """`count` different values of a maker; one that runs dry is helped out by made names, so the count holds."""
        out: dict[str, None] = {}
        tries = 0
        while len(out) < count:
            out[make() if tries < 4 * count + 16 else self.name()] = None
            tries += 1
        return list(out)

    def syllables(self, low: int = 1, high: int = 3) -> str:
        """A made word of lower-case letters."""
        rng = self.rng
        word = pick(rng, _ONSETS) + pick(rng, _VOWELS)
        for _ in range(self.integer(low, high) - 1):
            word += pick(rng, _MIDDLES) + pick(rng, _ONSETS) + pick(rng, _VOWELS)
        return word + pick(rng, _CODAS)

    def name(self) -> str:
        """A made proper name, one word, such as `Dendresbar`."""
        return self.syllables(2, 3).capitalize()

    def whole(self) -> str:
        """A name of one token; a first name where no such words were given."""
        return pick(self.rng, self.single or FIRST_NAMES)

    def noun(self) -> str:
        """A common noun, a thing that can be counted or held or seen."""
        return pick(self.rng, NOUNS)

    def adjective(self) -> str:
        """An adjective that can stand before any noun."""
        return pick(self.rng, ADJECTIVES)

    def colour(self) -> str:
        """A colour."""
        return pick(self.rng, COLOURS)

    def pair(self) -> str:
        """`adjective-noun`, the keys of RULER's needles."""
        return pick(self.rng, ADJECTIVES) + "-" + pick(self.rng, NOUNS)

    # ------------------------------------------------------------------------------------------------------- names

    def first(self) -> str:
        """A first name."""
        return self.name() if self.chance(self.made * 0.3) else pick(self.rng, FIRST_NAMES)

    def last(self) -> str:
        """A surname."""
        return self.name() if self.chance(self.made) else pick(self.rng, SURNAMES)

    def person(self) -> str:
        """A first name and a surname, at times with an initial between or a second surname."""
        x = self.rng.random()
        if x < 0.86:
            return self.first() + " " + self.last()
        if x < 0.95:
            return self.first() + " " + pick(self.rng, _LETTERS) + ". " + self.last()
        return self.first() + " " + self.last() + "-" + self.last()

    def city(self) -> str:
        """A town, real or made."""
        if not self.chance(self.made):
            return pick(self.rng, CITIES)
        if self.chance(0.1):
            return pick(self.rng, _PLACE_FRONTS) + self.name()
        base = self.syllables(1, 2).capitalize()
        return base + (pick(self.rng, _PLACE_ENDINGS) if len(base) > 2 else "aven") + pick(self.rng, _PLACE_WORDS)

    def country(self) -> str:
        """A country, real or made."""
        if not self.chance(self.made):
            return pick(self.rng, COUNTRIES)
        return self.syllables(1, 2).capitalize() + pick(self.rng, _COUNTRY_ENDINGS)

    def place(self) -> str:
        """A town or a country."""
        return self.country() if self.chance(0.25) else self.city()

    def organisation(self) -> str:
        """A company, bank, institute or the like."""
        front = self.name() if self.chance(self.made) else self.last()
        x = self.rng.random()
        if x < 0.1:
            return front + " & " + self.last()
        if x < 0.2:
            return pick(self.rng, NOUNS).capitalize() + " " + pick(self.rng, _ORGANISATION_ENDINGS)
        return front + " " + pick(self.rng, _ORGANISATION_ENDINGS)

    def alike(self, name: str) -> str:
        """Another name that begins as this one does: `Arlen` gives `Arlet`, `Arleby`, `Arlow`."""
        other = name[: max(2, len(name) - self.integer(0, 2))] + pick(self.rng, _ENDINGS)
        return other if other != name else name + pick(self.rng, ("by", "ton", "ley", "wick"))

    # ------------------------------------------------------------------------------------------------------ values

    def number(self, digits: int | None = None) -> str:
        """A number of this many digits, or of two to eight, without leading zeros."""
        low = 10 ** ((digits or pick(self.rng, (2, 3, 4, 5, 6, 7, 7, 8))) - 1)
        return str(low + int(self.rng.random() * 9 * low))

    def near_number(self, number: str) -> str:
        """A number easily taken for this one: a digit more, less or changed, two parts turned round, a neighbour."""
        rng, at = self.rng, int(self.rng.random() * len(number))
        x = rng.random()
        if x < 0.25:
            other = number[:at] + pick(rng, "0123456789") + number[at:]
        elif x < 0.45 and len(number) > 1:
            other = number[:at] + number[at + 1 :]
        elif x < 0.65:
            other = number[:at] + pick(rng, "0123456789") + number[at + 1 :]
        elif x < 0.85:
            other = number[:at][::-1] + number[at:][::-1]
        else:
            other = str(int(number) + pick(rng, (-1, 1, 10, -10, 100)))
        other = other.lstrip("0-")
        return other if other and other != number else str(int(number) + 1)

    def count(self) -> str:
        """A number of things, with thousands separated."""
        return f"{int(10 ** self.rng.uniform(0.5, 5.5)):,}"

    def year(self) -> str:
        """A year from 1500 to 2030, mostly after 1850."""
        return str(self.integer(1850, 2030) if self.chance(0.75) else self.integer(1500, 1850))

    def month(self) -> str:
        """The name of a month."""
        return pick(self.rng, MONTHS)

    def date(self) -> str:
        """A day, such as `March 4, 1911` or `4 March 1911`; one in ten names only month and year."""
        x = self.rng.random()
        month, day, year = self.month(), self.integer(1, 28), self.year()
        if x < 0.1:
            return f"{month} {year}"
        return f"{month} {day}, {year}" if x < 0.6 else f"{day} {month} {year}"

    def money(self) -> str:
        """A sum in dollars, euros or pounds."""
        sign = pick(self.rng, "$$$$€£")
        if self.chance(0.5):
            return f"{sign}{int(10 ** self.rng.uniform(1, 7)):,}"
        return f"{sign}{self.rng.uniform(1, 900):.1f} {pick(self.rng, ('million', 'million', 'billion'))}"

    def percent(self) -> str:
        """A percentage with one decimal or none."""
        return f"{self.integer(1, 99)}%" if self.chance(0.5) else f"{self.rng.uniform(0.1, 99.9):.1f}%"

    def clock(self) -> str:
        """A time of day, such as `07:45`."""
        return f"{self.integer(0, 23):02d}:{self.integer(0, 11) * 5:02d}"

    def uuid(self) -> str:
        """Thirty-two hexadecimal digits in the groups of a uuid."""
        digits = f"{self.rng.getrandbits(128):032x}"
        return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"

    def code(self) -> str:
        """A short id of letters and digits, such as `KD-4471` or `7f3a9c`."""
        rng, x = self.rng, self.rng.random()
        if x < 0.4:
            return pick(rng, _LETTERS) + pick(rng, _LETTERS) + "-" + self.number(self.integer(3, 5))
        if x < 0.7:
            return f"{rng.getrandbits(24):06x}"
        return "".join([pick(rng, _LETTERS + "23456789") for _ in range(self.integer(5, 8))])

    def variable(self) -> str:
        """The name of a variable: capital letters, at times with a digit behind."""
        word = "".join([pick(self.rng, _LETTERS) for _ in range(self.integer(2, 5))])
        return word + str(self.integer(1, 99)) if self.chance(0.3) else word
