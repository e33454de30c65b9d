"""Themes of travel, family, money, work and things that people keep.

What belongs here: the words of these themes. What does not: the shape of a theme (``theme``) and behaviour.
"""

from __future__ import annotations

from journeys_assets.synthetic.theme import Theme, theme

LIFE: tuple[Theme, ...] = (
    theme(
        "camping with kids",
        "situational",
        phrases="""camping with kids activities; family tent; camping meals; campfire recipes; camping packing list;
        tent organization; smores ideas; camping with toddlers; campsite setup; sleeping bags kids; camping games;
        foil packet meals camping; nature scavenger hunt; camp kitchen box; camping hacks; roof top tent;
        lantern camping; rainy day camping; first camping trip; cooler packing camping""",
        interests="camping; outdoors; family",
        boards="Camping; Camping trip",
        abroad="de=camping mit kindern; es=acampar con niños; fr=camping en famille astuces; ja=キャンプ 子連れ",
    ),
    theme(
        "trip to japan",
        "situational",
        phrases="""japan itinerary two weeks; tokyo things to do; kyoto temples; japan rail pass; osaka street food;
        cherry blossom season japan; packing for japan; ryokan with onsen; tokyo neighborhoods; nara deer park;
        mount fuji day trip; japan travel outfits; shibuya at night; japanese phrases for tourists;
        japan budget travel; hakone; harajuku shopping; tokyo cafe; hiroshima miyajima; japan with kids""",
        interests="travel; japanese culture; asia",
        boards="Japan 2026; Japan",
        abroad="es=viaje a japón itinerario; de=japan rundreise; fr=voyage au japon itinéraire; pt=roteiro japão",
    ),
    theme(
        "italy vacation",
        "situational",
        phrases="""italy itinerary 10 days; amalfi coast; rome hidden gems; what to wear in italy; tuscany villas;
        florence restaurants; cinque terre hike; venice gondola; italian summer outfits; lake como; positano beach;
        rome in 3 days; train travel italy; sicily road trip; puglia trulli; milan shopping; pompeii day trip;
        dolomites; best gelato in florence; italy honeymoon""",
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
        diesel heater camper; swivel seat; van life with dog; minivan camper; van curtains; van water tank""",
        interests="camping; travel; diy projects",
        boards="Van build; Vanlife",
        abroad="de=camper ausbau; fr=aménagement fourgon; es=camperizar furgoneta",
    ),
    theme(
        "disney trip",
        "situational",
        phrases="""disney world packing list; disney family shirts; magic kingdom tips; disney outfits;
        disney countdown; disney snacks; epcot food; disneyland with toddlers; lightning lane strategy;
        disney world on a budget; mickey ears diy; disney resort hotels; disney autograph book; disney surprise reveal;
        animal kingdom rides; disney dining plan; character breakfast disney; disney stroller; fireworks magic kingdom;
        disney cruise door decorations""",
        interests="travel; family; vacation",
        boards="Disney!; Disney trip",
        abroad="es=viaje a disney consejos; pt=disney orlando dicas",
    ),
    theme(
        "beach vacation packing",
        "situational",
        phrases="""beach vacation outfits; resort wear; carry on packing; beach bag essentials; swimsuits one piece;
        tropical vacation packing list; beach cover up; all inclusive resort tips; travel size toiletries;
        vacation nails beach; sun hat; beach hair; cruise outfits; snorkeling gear; packing cubes; beach reads;
        hawaii outfits; beach sandals; island vacation; beach photoshoot poses""",
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
        puppy feeding schedule; dog crate cover; french bulldog puppy; puppy playpen; separation anxiety dog;
        doodle grooming""",
        interests="dogs; pets; animals",
        boards="Puppy; Dog",
        abroad="es=entrenar cachorro; de=welpe stubenrein; fr=chiot propreté; pt=filhote de cachorro",
    ),
    theme(
        "aquarium keeping",
        "evergreen",
        phrases="""planted aquarium; betta fish tank; aquascape driftwood; aquarium filter; nano tank;
        nitrogen cycle fish tank; neon tetra; aquarium plants low light; cherry shrimp tank; fish tank stand;
        reef tank corals; aquarium substrate; algae control aquarium; goldfish tank; iwagumi layout; discus fish;
        fish tank water change; angelfish; co2 system aquarium; java fern""",
        interests="fish; pets; hobbies",
        boards="Fish tank; Aquascape",
        abroad="de=aquarium einrichten; es=acuario plantado; ja=アクアリウム レイアウト; fr=aquarium planté",
    ),
    theme(
        "backyard chickens",
        "situational",
        phrases="""chicken coop plans; raising baby chicks; best egg laying hens; chicken run; nesting boxes;
        chicken feed; chicken treats; brooder setup; coop bedding; chicken breeds; predator proof coop;
        winter chickens; broody hen; free range chickens; silkie chickens; chicken swing; rooster behavior;
        coop automatic door; egg colors by breed; molting chickens""",
        interests="homesteading; animals; gardening",
        boards="Chickens; Coop",
        abroad="de=hühnerstall bauen; es=gallinero casero; fr=poulailler",
    ),
    theme(
        "paying off debt",
        "situational",
        phrases="""debt snowball worksheet; monthly budget template; envelope cash stuffing; pay off credit cards fast;
        sinking funds; debt free journey; student loan payoff; zero based budget; side hustle ideas; emergency fund;
        frugal living tips; bill tracker printable; no spend challenge; budget planner; credit score improve;
        money saving challenge; debt payoff tracker; saving on groceries; budgeting by paycheck; financial goals""",
        interests="personal finance; budgeting; self improvement",
        boards="Budget; Debt free",
        abroad="es=método bola de nieve deudas; pt=planilha de gastos mensais; de=haushaltsbuch vorlage",
    ),
    theme(
        "stock investing",
        "evergreen",
        phrases="""index funds for beginners; dividend stocks; candlestick patterns; stock market basics;
        compound interest chart; roth ira; etf portfolio; day trading setup; technical analysis; value investing books;
        options trading strategies; retirement investing; passive income dividends; real estate investing reits;
        chart patterns trading; bull vs bear market; asset allocation by age; reading a balance sheet; growth stocks;
        financial independence retire early""",
        interests="personal finance; investing; business",
        boards="Investing; Stocks",
        abroad="de=etf sparplan; es=invertir en bolsa; pt=investimentos ações iniciantes",
    ),
    theme(
        "small business launch",
        "situational",
        phrases="""small business logo; packaging ideas small business; etsy shop tips; business plan template;
        pricing handmade products; thank you cards small business; instagram feed small business;
        product photography backdrop; business name generator; craft fair booth display; social media content calendar;
        email marketing; branding color palette; website homepage design; llc steps; order tracker; shipping supplies;
        canva templates business; pop up shop; online boutique""",
        interests="small business; marketing; business",
        boards="Biz; My shop",
        abroad="es=emprendimiento logo ideas; pt=embalagem loja online; de=kleinunternehmen gründen",
    ),
    theme(
        "job search",
        "situational",
        phrases="""resume template; interview questions and answers; cover letter example; linkedin profile tips;
        what to wear to an interview; salary negotiation script; career change at 40; thank you email after interview;
        resume skills list; remote jobs; star method interview; job search tracker; resume summary;
        phone interview tips; professional headshot; resignation letter; networking message; portfolio website;
        first day at work; quitting job""",
        interests="careers; business; self improvement",
        boards="Job hunt; Career",
        abroad="es=plantilla curriculum; de=bewerbung lebenslauf vorlage; fr=modèle cv; pt=modelo de currículo",
    ),
    theme(
        "homeschooling",
        "evergreen",
        phrases="""homeschool schedule; homeschool room; kindergarten curriculum; phonics worksheets; unit study ideas;
        homeschool math games; montessori activities at home; sight words; science experiments for kids;
        charlotte mason; handwriting practice; homeschool planner; morning basket; geography for kids;
        multiplication games; read aloud books; spelling lists; nature study; history timeline kids;
        preschool at home""",
        interests="education; kids; parenting",
        boards="Homeschool; School at home",
        abroad="es=educación en casa actividades; pt=atividades de alfabetização; fr=école à la maison",
    ),
    theme(
        "toddler activities",
        "evergreen",
        phrases="""sensory bin ideas; toddler crafts; playdough recipe; fine motor activities; busy bag;
        toddler indoor activities; finger painting; water play toddler; toddler learning colors; montessori toys;
        sensory bottles; toddler obstacle course; quiet book; shape sorting; toddler schedule; process art;
        rainy day toddler; toddler music instruments; outdoor play toddler; threading beads toddler""",
        interests="kids; parenting; crafts",
        boards="Toddler fun; Activities",
        abroad="""es=actividades para niños de 2 años; de=spielideen kleinkind; fr=activités montessori 2 ans;
        pt=atividades sensoriais bebê""",
    ),
    theme(
        "motorcycle restoration",
        "situational",
        phrases="""cafe racer build; vintage motorcycle restoration; scrambler custom; carburetor rebuild;
        motorcycle paint tank; honda cb750; brat style seat; bobber motorcycle; motorcycle exhaust wrap;
        motorcycle wiring; chain and sprocket; motorcycle garage; leather riding jacket; motorcycle helmet retro;
        clip on handlebars; triumph bonneville; motorcycle lift stand; royal enfield custom; fork rebuild;
        spoke wheels""",
        interests="motorcycles; vehicles; diy projects",
        boards="Cafe racer; Bikes",
        abroad="de=motorrad umbau; es=moto café racer; fr=moto ancienne restauration",
    ),
    theme(
        "classic cars",
        "evergreen",
        phrases="""1967 mustang fastback; muscle cars; vintage porsche 911; car restoration; classic car garage;
        chevy c10 truck; engine bay detailing; jdm cars; ford bronco restored; car interior leather restoration;
        hot rods; car show display; rust repair car body; barn find cars; chrome polishing; old volkswagen beetle;
        car wheels vintage; corvette stingray; dodge charger; car detailing products""",
        interests="cars; vehicles; vintage",
        boards="Cars; Classics",
        abroad="de=oldtimer restaurieren; es=autos clásicos; fr=voiture ancienne; pt=carros antigos",
    ),
    theme(
        "fishing",
        "evergreen",
        phrases="""bass fishing lures; fly tying patterns; fishing knots; trout fishing; kayak fishing setup;
        ice fishing; crappie jigs; fishing rod storage; catfish bait; fly fishing river; surf fishing rig;
        fishing boat; walleye; fish fillet technique; tackle box organization; carp fishing; soft plastic worms;
        spinning reel; deep sea fishing; salmon fishing""",
        interests="fishing; outdoors; sports",
        boards="Fishing; Gone fishing",
        abroad="de=angeln köder; es=nudos de pesca; fr=pêche à la mouche; pt=pesca iscas",
    ),
    theme(
        "hiking national parks",
        "evergreen",
        phrases="""yosemite hikes; hiking outfit women; national parks bucket list; zion angels landing;
        backpacking gear list; hiking boots; grand canyon rim; glacier national park; hydration pack;
        day hike essentials; utah road trip parks; trekking poles; yellowstone itinerary; hiking snacks;
        backpacking tent ultralight; rocky mountain national park; trail mix; hiking with dog; appalachian trail;
        acadia in fall""",
        interests="hiking; outdoors; travel",
        boards="Hikes; National parks",
        abroad="de=wandern ausrüstung; fr=randonnée équipement; es=senderismo equipo; ja=登山 服装",
    ),
    theme(
        "family history",
        "situational",
        phrases="""family tree template; genealogy research; ancestry dna results; old family photos display;
        census records; family recipe book; genealogy organization; irish ancestors; ellis island records;
        heritage wall; gravestone symbols; family history book; oral history questions for grandparents;
        military records ancestors; immigration records; family crest; restoring old photographs;
        birth certificate search; pedigree chart; family reunion""",
        interests="genealogy; family; history",
        boards="Family tree; Ancestry",
        abroad="de=ahnenforschung stammbaum; es=árbol genealógico; fr=arbre généalogique",
    ),
    theme(
        "dungeons and dragons",
        "evergreen",
        phrases="""dnd character art; dungeon map; dnd homebrew magic items; tiefling rogue; dm tips; dice tower;
        dnd backstory; fantasy city map; dnd monsters; warlock aesthetic; dnd one shot; miniature painting; elf ranger;
        dm screen; dnd puzzles; half orc barbarian; tavern map; battle map; spell cards; dragonborn paladin;
        world building fantasy""",
        interests="games; fantasy; hobbies",
        boards="DnD; Campaign",
        abroad="es=mapas dnd; de=dnd charakter; pt=rpg de mesa mapas",
    ),
    theme(
        "book club reading",
        "evergreen",
        phrases="""books to read; fantasy book recommendations; book club questions; romance novels; thriller books;
        booktok; reading nook; reading challenge; home library shelves; historical fiction; book annotation tabs;
        cozy mystery; bookshelf aesthetic; classic literature list; book quotes; dark academia books; memoirs;
        audiobooks; book journal; enemies to lovers books""",
        interests="books; reading; hobbies",
        boards="Books; To read",
        abroad="es=libros para leer; de=buchempfehlungen; fr=livres à lire; pt=livros para ler",
    ),
    theme(
        "ski trip",
        "seasonal",
        phrases="""ski outfit women; ski trip packing list; beginner ski tips; ski chalet; apres ski outfit;
        snowboard boots; snow goggles; ski resorts colorado; base layers skiing; skiing with kids; ski cabin decor;
        lift ticket deals; ski jacket; french alps ski; snowboarding tricks; ski helmet; ski exercises legs; whistler;
        hand warmers; ski boot fitting""",
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
        stain removal carpet; mattress cleaning; cleaning hard water stains; dusting ceiling fan;
        deep cleaning bathroom; cleaning hacks; microwave cleaning; cleaning caddy; pressure washing siding;
        clean stainless steel; deep clean couch""",
        interests="cleaning; home organization",
        boards="Cleaning; Spring clean",
        abroad="es=limpieza profunda del hogar; de=frühjahrsputz checkliste; fr=nettoyage de printemps",
        months=(3, 4, 5),
    ),
    theme(
        "home canning",
        "seasonal",
        phrases="""canning tomatoes; strawberry jam; pickled cucumbers; pressure canning; water bath canning;
        peach preserves; pickled beets; apple butter; canning salsa; dill pickles; canning jars labels;
        zucchini relish; freezer jam; fermenting sauerkraut; dehydrating apples; canning green beans; blackberry jelly;
        tomato sauce preserving; canned pears; fermented hot sauce""",
        interests="recipes; homesteading; gardening",
        boards="Canning; Preserving",
        abroad="de=marmelade einkochen; de=gurken einlegen; fr=confiture maison; es=conservas caseras",
        months=(7, 8, 9),
    ),
)
