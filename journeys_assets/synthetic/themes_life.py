"""Themes of travel, family, money, work and possessions."""

from __future__ import annotations

from journeys_assets.synthetic.theme import Theme, theme

LIFE: tuple[Theme, ...] = (
    theme(
        "camping with kids",
        "situational",
        phrases="""camping with kids activities; family tent; camping meals; campfire recipes; camping packing list;
        tent organization; smores ideas family camping; camping with toddlers; campsite setup;
        sleeping bags kids family camping; camping games; foil packet meals camping;
        nature scavenger hunt family camping; camp kitchen box; camping hacks; roof top tent family camping;
        lantern camping; rainy day camping; first camping trip; cooler packing camping""",
        interests="camping; outdoors; family",
        boards="Camping; Camping trip",
        abroad="de=camping mit kindern; es=acampar con niños; fr=camping en famille astuces; ja=キャンプ 子連れ",
    ),
    theme(
        "trip to japan",
        "situational",
        phrases="""japan itinerary two weeks; tokyo things to do; kyoto temples japan; japan rail pass;
        osaka street food japan; cherry blossom season japan; packing for japan; ryokan with onsen japan trip;
        tokyo neighborhoods; nara deer park japan; mount fuji day trip; japan travel outfits; shibuya tokyo at night;
        japanese phrases for tourists; japan budget travel; hakone day trip japan; harajuku shopping japan; tokyo cafe;
        hiroshima miyajima; japan with kids""",
        interests="travel; japanese culture; asia",
        boards="Japan 2026; Japan",
        abroad="es=viaje a japón itinerario; de=japan rundreise; fr=voyage au japon itinéraire; pt=roteiro japão",
    ),
    theme(
        "italy vacation",
        "situational",
        phrases="""italy itinerary 10 days; amalfi coast italy; rome italy hidden gems; what to wear in italy;
        tuscany villas; florence restaurants; cinque terre italy hike; venice gondola; italian summer outfits;
        lake como italy; positano italy beach; rome italy in 3 days; train travel italy; sicily road trip;
        puglia trulli italy; milan shopping italy; pompeii day trip italy; dolomites italy; best gelato in florence;
        italy honeymoon""",
        interests="travel; europe; vacation",
        boards="Italy; Italia trip",
        abroad="de=toskana urlaub; es=viaje a italia; fr=voyage italie amalfi; pt=viagem itália roteiro",
    ),
    theme(
        "van life conversion",
        "situational",
        phrases="""campervan conversion layout; sprinter van build; van insulation; van life bed platform;
        solar panels for van; van kitchen; van electrical diagram; camper van interior; diy van shower;
        roof fan install van; van life essentials; transit van conversion; van storage; stealth camping van;
        diesel heater camper; swivel seat camper van; van life with dog; minivan camper; van curtains;
        van water tank""",
        interests="camping; travel; diy projects",
        boards="Van build; Vanlife",
        abroad="de=camper ausbau; fr=aménagement fourgon; es=camperizar furgoneta",
    ),
    theme(
        "disney trip",
        "situational",
        phrases="""disney world packing list; disney family shirts; magic kingdom tips; disney outfits;
        disney countdown; disney snacks; epcot food disney world; disneyland with toddlers;
        lightning lane strategy disney world; disney world on a budget; mickey ears diy; disney resort hotels;
        disney autograph book; disney surprise reveal; animal kingdom rides; disney dining plan;
        character breakfast disney; disney stroller; fireworks magic kingdom; disney cruise door decorations""",
        interests="travel; family; vacation",
        boards="Disney!; Disney trip",
        abroad="es=viaje a disney consejos; pt=disney orlando dicas",
    ),
    theme(
        "beach vacation packing",
        "situational",
        phrases="""beach vacation outfits; resort wear; carry on packing beach vacation; beach bag essentials;
        beach swimsuits one piece; tropical vacation packing list; beach cover up; all inclusive beach resort tips;
        travel size toiletries beach vacation; vacation nails beach; beach sun hat; beach hair; cruise outfits;
        beach snorkeling gear; packing cubes beach vacation; beach reads; hawaii outfits; beach sandals;
        island vacation; beach photoshoot poses""",
        interests="travel; vacation; summer",
        boards="Beach trip; Vacay",
        abroad="es=outfits para la playa; pt=looks praia; fr=valise vacances plage",
    ),
    theme(
        "new puppy",
        "situational",
        phrases="""puppy potty training; crate training puppy; puppy supplies checklist; puppy biting;
        golden retriever puppy; puppy first week home; leash training; puppy names; dog bed; homemade dog treats;
        puppy vaccination schedule; puppy teething toys; dog training commands; socializing a puppy;
        puppy feeding schedule; dog crate cover; french bulldog puppy; puppy playpen; puppy separation anxiety;
        doodle puppy grooming""",
        interests="dogs; pets; animals",
        boards="Puppy; Dog",
        abroad="es=entrenar cachorro; de=welpe stubenrein; fr=chiot propreté; pt=filhote de cachorro",
    ),
    theme(
        "aquarium keeping",
        "evergreen",
        phrases="""planted aquarium; betta fish tank; aquascape driftwood fish tank; aquarium filter; nano tank;
        nitrogen cycle fish tank; neon tetra fish tank; aquarium plants low light; cherry shrimp tank; fish tank stand;
        reef tank corals; aquarium substrate; algae control aquarium; goldfish tank; iwagumi layout fish tank;
        discus fish; fish tank water change; angelfish fish tank; co2 system aquarium; java fern fish tank""",
        interests="fish; pets; hobbies",
        boards="Fish tank; Aquascape",
        abroad="de=aquarium einrichten; es=acuario plantado; ja=アクアリウム レイアウト; fr=aquarium planté",
    ),
    theme(
        "backyard chickens",
        "situational",
        phrases="""chicken coop plans; raising baby chicks; best egg laying hens; chicken run; nesting boxes chickens;
        chicken feed; chicken treats; brooder setup chickens; coop bedding; chicken breeds; predator proof coop;
        winter chickens; broody hen; free range chickens; silkie chickens; chicken swing;
        rooster behavior chicken coop; automatic chicken coop door; egg colors by breed chicken coop;
        molting chickens""",
        interests="homesteading; animals; gardening",
        boards="Chickens; Coop",
        abroad="de=hühnerstall bauen; es=gallinero casero; fr=poulailler",
    ),
    theme(
        "paying off debt",
        "situational",
        phrases="""debt snowball worksheet; monthly budget template; cash stuffing budget envelopes;
        pay off credit card debt fast; sinking funds budget; debt free journey; student loan payoff; zero based budget;
        side hustle to pay off debt; emergency fund budget; frugal living on a budget; bill budget tracker printable;
        no spend month budget challenge; budget planner; improve credit score debt; money saving challenge;
        debt payoff tracker; saving on groceries budget; budgeting by paycheck; financial goals budget plan""",
        interests="personal finance; budgeting; self improvement",
        boards="Budget; Debt free",
        abroad="es=método bola de nieve deudas; pt=planilha de gastos mensais; de=haushaltsbuch vorlage",
    ),
    theme(
        "stock investing",
        "evergreen",
        phrases="""investing in index funds for beginners; dividend stocks; stock candlestick patterns;
        stock market basics; compound interest investing chart; roth ira investing; etf investing portfolio;
        day trading stocks setup; stock technical analysis; value investing books; stock options trading strategies;
        retirement investing; passive income dividend stocks; real estate investing reits;
        stock trading chart patterns; bull vs bear market; investing asset allocation by age;
        reading a balance sheet for stock investing; growth stocks; retire early investing""",
        interests="personal finance; investing; business",
        boards="Investing; Stocks",
        abroad="de=etf sparplan; es=invertir en bolsa; pt=investimentos ações iniciantes",
    ),
    theme(
        "small business launch",
        "situational",
        phrases="""small business logo; packaging ideas small business; etsy shop tips; business plan template;
        pricing handmade products; thank you cards small business; instagram feed small business;
        product photography backdrop small business; business name generator; craft fair booth display small business;
        social media content calendar small business; email marketing small business;
        branding color palette small business; website homepage design small business; llc steps;
        order tracker small business; shipping supplies; canva templates business; pop up shop small business;
        online boutique""",
        interests="small business; marketing; business",
        boards="Biz; My shop",
        abroad="es=emprendimiento logo ideas; pt=embalagem loja online; de=kleinunternehmen gründen",
    ),
    theme(
        "job search",
        "situational",
        phrases="""resume template; job interview questions and answers; job application cover letter;
        linkedin profile for job search; what to wear to a job interview; job offer salary negotiation;
        career change job search; thank you email after job interview; resume skills list; remote job search;
        star method job interview; job search tracker; resume summary; phone interview tips;
        job search professional headshot; job resignation letter; networking message for job search;
        resume portfolio website; new job first day; quitting my job""",
        interests="careers; business; self improvement",
        boards="Job hunt; Career",
        abroad="es=plantilla curriculum; de=bewerbung lebenslauf vorlage; fr=modèle cv; pt=modelo de currículo",
    ),
    theme(
        "homeschooling",
        "evergreen",
        phrases="""homeschool schedule; homeschool room; kindergarten curriculum; phonics worksheets homeschool;
        homeschool unit study ideas; homeschool math games; montessori activities at home; sight words homeschool;
        science experiments for kids; homeschool charlotte mason; handwriting practice homeschool; homeschool planner;
        morning basket homeschool; geography for kids; homeschool multiplication games; read aloud books homeschool;
        spelling lists homeschool; homeschool nature study; homeschool history timeline; preschool at home""",
        interests="education; kids; parenting",
        boards="Homeschool; School at home",
        abroad="es=educación en casa actividades; pt=atividades de alfabetização; fr=école à la maison",
    ),
    theme(
        "toddler activities",
        "evergreen",
        phrases="""sensory bin ideas; toddler crafts; playdough for toddlers; fine motor activities; toddler busy bag;
        toddler indoor activities; toddler finger painting; water play toddler; toddler learning colors;
        montessori toys; sensory bottles; toddler obstacle course; toddler quiet book; toddler shape sorting;
        toddler schedule; toddler process art; rainy day toddler; toddler music instruments; outdoor play toddler;
        threading beads toddler""",
        interests="kids; parenting; crafts",
        boards="Toddler fun; Activities",
        abroad="""es=actividades para niños de 2 años; de=spielideen kleinkind; fr=activités montessori 2 ans;
        pt=atividades sensoriais bebê""",
    ),
    theme(
        "motorcycle restoration",
        "situational",
        phrases="""cafe racer build motorcycle; vintage motorcycle restoration; scrambler custom motorcycle;
        carburetor rebuild; motorcycle paint tank; honda cb750; brat style motorcycle seat; bobber motorcycle;
        motorcycle exhaust wrap; motorcycle wiring; motorcycle chain and sprocket; motorcycle garage;
        leather riding jacket; motorcycle helmet retro; motorcycle clip on handlebars; triumph bonneville;
        motorcycle lift stand; royal enfield custom; motorcycle fork rebuild; motorcycle spoke wheels""",
        interests="motorcycles; vehicles; diy projects",
        boards="Cafe racer; Bikes",
        abroad="de=motorrad umbau; es=moto café racer; fr=moto ancienne restauration",
    ),
    theme(
        "classic cars",
        "evergreen",
        phrases="""1967 ford mustang classic car; american muscle cars; vintage porsche 911; car restoration;
        classic car garage; chevy c10 classic truck; car engine bay detailing; jdm cars; classic ford bronco restored;
        car interior leather restoration; hot rod cars; car show display; rust repair car body; barn find classic cars;
        car chrome polishing; old volkswagen beetle; car wheels vintage; corvette stingray classic car;
        dodge charger classic car; car detailing products""",
        interests="cars; vehicles; vintage",
        boards="Cars; Classics",
        abroad="de=oldtimer restaurieren; es=autos clásicos; fr=voiture ancienne; pt=carros antigos",
    ),
    theme(
        "fishing",
        "evergreen",
        phrases="""bass fishing lures; fly tying patterns; fishing knots; trout fishing; kayak fishing setup;
        ice fishing; crappie jigs; fishing rod storage; catfish bait; fly fishing river; surf fishing rig;
        fishing boat; walleye fishing; fish fillet technique; tackle box organization fishing; carp fishing;
        soft plastic worms fishing; spinning reel; deep sea fishing; salmon fishing""",
        interests="fishing; outdoors; sports",
        boards="Fishing; Gone fishing",
        abroad="de=angeln köder; es=nudos de pesca; fr=pêche à la mouche; pt=pesca iscas",
    ),
    theme(
        "hiking national parks",
        "evergreen",
        phrases="""yosemite hikes; hiking outfit women; national parks bucket list; zion angels landing hike;
        hiking backpack gear list; hiking boots; grand canyon rim hike; glacier national park; hiking hydration pack;
        day hike essentials; utah road trip parks; hiking trekking poles; yellowstone national park itinerary;
        hiking snacks; ultralight hiking tent; rocky mountain national park; trail mix for hiking; hiking with dog;
        appalachian trail; acadia national park in fall""",
        interests="hiking; outdoors; travel",
        boards="Hikes; National parks",
        abroad="de=wandern ausrüstung; fr=randonnée équipement; es=senderismo equipo; ja=登山 服装",
    ),
    theme(
        "family history",
        "situational",
        phrases="""family tree template; genealogy research; ancestry dna results; old family photos display;
        ancestors census records; family history recipe book; genealogy organization; irish ancestors;
        ellis island ancestors records; genealogy heritage wall; ancestors gravestone symbols; family history book;
        genealogy oral history questions for grandparents; military records ancestors; immigration records ancestors;
        family crest; genealogy restoring old photographs; genealogy birth certificate search;
        genealogy pedigree chart; family history reunion""",
        interests="genealogy; family; history",
        boards="Family tree; Ancestry",
        abroad="de=ahnenforschung stammbaum; es=árbol genealógico; fr=arbre généalogique",
    ),
    theme(
        "dungeons and dragons",
        "evergreen",
        phrases="""dnd character art; dungeon map; dnd homebrew magic items; tiefling rogue dnd; dm tips; dice tower;
        dnd backstory; fantasy city map dnd; dnd monsters; warlock aesthetic dnd; dnd one shot; dnd miniature painting;
        elf ranger dnd; dm screen; dnd puzzles; half orc barbarian dnd; tavern map dnd; battle map; dnd spell cards;
        dragonborn paladin; dnd world building""",
        interests="games; fantasy; hobbies",
        boards="DnD; Campaign",
        abroad="es=mapas dnd; de=dnd charakter; pt=rpg de mesa mapas",
    ),
    theme(
        "book club reading",
        "evergreen",
        phrases="""books to read; fantasy book recommendations; book club questions; romance novels; thriller books;
        booktok books; book reading nook; book reading challenge; home library bookshelves; historical fiction books;
        book annotation tabs; cozy mystery books; bookshelf aesthetic; classic literature list; book quotes;
        dark academia books; memoirs books; audiobooks; book journal; enemies to lovers books""",
        interests="books; reading; hobbies",
        boards="Books; To read",
        abroad="es=libros para leer; de=buchempfehlungen; fr=livres à lire; pt=livros para ler",
    ),
    theme(
        "ski trip",
        "seasonal",
        phrases="""ski outfit women; ski trip packing list; beginner ski tips; ski chalet; apres ski outfit;
        snowboard boots ski trip; snow goggles; ski resorts colorado; base layers skiing; skiing with kids;
        ski cabin decor; lift ticket deals skiing; ski jacket; french alps ski; snowboarding tricks; ski helmet;
        ski exercises legs; whistler ski trip; hand warmers ski trip; ski boot fitting""",
        interests="skiing; travel; sports",
        boards="Ski trip; Snow",
        abroad="de=skiurlaub packliste; fr=vacances au ski; ja=スキー 旅行",
        months=(12, 1, 2),
    ),
    theme(
        "spring cleaning",
        "seasonal",
        phrases="""spring cleaning checklist; deep clean oven; cleaning baseboards; homemade all purpose cleaner;
        how to clean grout; window cleaning streak free; clean washing machine; cleaning schedule; vinegar cleaning;
        stain removal carpet spring cleaning; mattress cleaning; cleaning hard water stains;
        dusting ceiling fan spring cleaning; deep cleaning bathroom; cleaning hacks; microwave cleaning;
        cleaning caddy; pressure washing siding spring cleaning; clean stainless steel; deep clean couch""",
        interests="cleaning; home organization",
        boards="Cleaning; Spring clean",
        abroad="es=limpieza profunda del hogar; de=frühjahrsputz checkliste; fr=nettoyage de printemps",
        months=(3, 4, 5),
    ),
    theme(
        "home canning",
        "seasonal",
        phrases="""canning tomatoes; strawberry jam; canning pickled cucumbers; pressure canning; water bath canning;
        peach preserves; pickled beets; canning apple butter; canning salsa; dill pickles canning; canning jars labels;
        zucchini relish canning; freezer jam canning; canning sauerkraut; canning apples; canning green beans;
        canning blackberry jelly; tomato sauce preserving; canned pears; canning hot sauce""",
        interests="recipes; homesteading; gardening",
        boards="Canning; Preserving",
        abroad="de=marmelade einkochen; de=gurken einlegen; fr=confiture maison; es=conservas caseras",
        months=(7, 8, 9),
    ),
)
