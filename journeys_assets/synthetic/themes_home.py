"""Themes of home and garden."""

from __future__ import annotations

from journeys_assets.synthetic.theme import Theme, theme

HOME: tuple[Theme, ...] = (
    theme(
        "kitchen renovation",
        "situational",
        phrases="""kitchen remodel before and after; shaker cabinet colors; quartz vs granite countertops kitchen;
        subway tile backsplash kitchen; kitchen island with seating; galley kitchen layout; open shelving kitchen;
        two tone kitchen cabinets; farmhouse sink; under cabinet lighting; painting kitchen cabinets;
        pantry cabinet organization; white oak kitchen; kitchen renovation cost; range hood designs kitchen;
        cabinet hardware brass pulls; ikea kitchen hack; small kitchen remodel; kitchen faucet matte black;
        breakfast nook built in kitchen""",
        interests="home improvement; kitchen design; interior design",
        boards="Kitchen reno; Dream kitchen; New kitchen",
        abroad="""es=reforma de cocina pequeña; es=encimeras de cuarzo cocina; de=küche renovieren vorher nachher;
        de=kücheninsel mit sitzplatz; fr=rénovation cuisine ancienne; pt=reforma de cozinha pequena""",
    ),
    theme(
        "bathroom makeover",
        "situational",
        phrases="""small bathroom remodel; walk in shower tile; freestanding bathtub; bathroom vanity double sink;
        frameless shower door bathroom; hexagon tile bathroom floor; powder room wallpaper bathroom; shower niche;
        bathroom toilet with hidden tank; bathroom mirror with lights; wet room design; terrazzo bathroom tiles;
        bathroom storage over toilet; rainfall shower head bathroom; spa like bathroom; guest bathroom decor;
        grouting shower tile bathroom; half bath renovation; clawfoot tub bathroom; black bathroom faucet""",
        interests="home improvement; bathroom design; interior design",
        boards="Bathroom; Bathroom remodel",
        abroad="""de=kleines bad renovieren; de=begehbare dusche fliesen; fr=petite salle de bain douche italienne;
        es=azulejos para baño pequeño""",
    ),
    theme(
        "home office setup",
        "situational",
        phrases="""home office desk setup; standing desk; ergonomic office chair; cable management home office desk;
        small home office in bedroom; monitor arm dual screens home office; desk lamp for home office;
        work from home office decor; floating shelves above office desk; video call background office; l shaped desk;
        desk organizer accessories; office built ins; closet turned into office; minimalist desk setup;
        office chair footrest; soundproofing home office; pegboard desk wall; webcam lighting home office;
        home office paint colors""",
        interests="home decor; workspace; interior design",
        boards="Home office; Office; WFH setup",
        abroad="""de=homeoffice einrichten kleiner raum; fr=bureau à domicile aménagement; ja=在宅勤務 デスク 周り;
        ja=ホームオフィス インテリア; pt=home office pequeno decoração""",
    ),
    theme(
        "nursery design",
        "situational",
        phrases="""gender neutral nursery; baby nursery wall art; crib bedding; nursery glider chair;
        nursery changing table dresser; woodland nursery theme; nursery mobile diy; blackout curtains for baby room;
        baby closet organization; nursery bookshelf; safari animal nursery; girl nursery floral wallpaper;
        boy nursery ideas; nursery rug soft; small nursery layout; baby room color palette; twin nursery cribs;
        montessori floor bed nursery; baby name sign above crib; nursery lighting lamp""",
        interests="baby; kids rooms; interior design",
        boards="Nursery; Baby's room",
        abroad="es=decoración cuarto de bebé; de=babyzimmer gestalten; fr=décoration chambre bébé mixte",
    ),
    theme(
        "living room makeover",
        "situational",
        phrases="""living room decor cozy; sectional sofa small living room; gallery wall living room;
        mid century modern living room; tv wall unit; coffee table styling living room; area rug size living room;
        boho living room; accent wall living room; living room curtains; fireplace mantel decor;
        throw pillow combinations living room; japandi living room; living room furniture layout; velvet green sofa;
        floor lamp corner; neutral living room; bookcase styling living room; electric fireplace with tv above;
        leather armchair reading corner living room""",
        interests="home decor; interior design; furniture",
        boards="Living room; Home inspo",
        abroad="es=decoración de salas modernas; fr=salon scandinave décoration; de=wohnzimmer gemütlich einrichten",
    ),
    theme(
        "vegetable garden",
        "situational",
        phrases="""raised bed vegetable garden; companion planting vegetable garden; growing tomatoes from seed;
        vertical vegetable garden; compost bin for vegetable garden; starting vegetable seeds indoors;
        drip irrigation vegetable garden; when to plant peppers in the garden; zucchini trellis vegetable garden;
        garden layout vegetables; organic pest control for vegetables; growing potatoes in the garden;
        herb spiral garden; crop rotation small garden; garden cucumber trellis; best soil for raised vegetable beds;
        growing lettuce in containers; garden planner square foot; tomato plants garden blight treatment;
        harvesting garlic garden""",
        interests="gardening; outdoor living; sustainable living",
        boards="Veggie garden; Garden",
        abroad="de=hochbeet bepflanzen gemüse; de=tomaten selber ziehen; fr=potager surélevé; es=huerto en casa",
    ),
    theme(
        "houseplants",
        "evergreen",
        phrases="""monstera plant care; low light indoor plants; propagating pothos plant in water;
        fiddle leaf fig indoor plant; plant shelf ideas; snake plant repotting; indoor plants pet safe;
        how often to water indoor plants; hanging planters indoor; string of pearls hanging plant;
        calathea houseplant care; terracotta pots indoor plants; fungus gnats on houseplants;
        grow lights for indoor plants; philodendron indoor plant; macrame hanger for indoor plants;
        rubber plant indoors; moss pole for indoor plants; orchid care indoors; zz plant indoor care;
        bathroom plants humidity""",
        interests="houseplants; gardening; home decor",
        boards="Plant babies; Plants; Indoor jungle",
        abroad="""es=plantas de interior poca luz; de=zimmerpflanzen pflegeleicht; ja=観葉植物 育て方;
        pt=plantas para apartamento""",
    ),
    theme(
        "bonsai",
        "evergreen",
        phrases="""bonsai tree care; juniper bonsai wiring; ficus bonsai indoor; japanese maple in a small pot;
        bonsai pot shapes; repotting bonsai; akadama soil mix; bonsai pruning techniques; beginner bonsai kit;
        bonsai forest planting; cascade style bonsai; bonsai from seed; bonsai root over rock; jade bonsai;
        bonsai tools set; chinese elm bonsai; pine bonsai candle pruning; bonsai display stand; moss for shallow pots;
        shohin bonsai; deadwood jin on bonsai""",
        interests="gardening; japanese culture; hobbies",
        boards="Bonsai; My bonsai",
        abroad="ja=盆栽 初心者; ja=もみじ 盆栽 手入れ; es=cuidado del bonsái; de=bonsai schneiden anleitung",
    ),
    theme(
        "declutter and organize",
        "evergreen",
        phrases="""closet organization; decluttering checklist; pantry labels organization; linen closet storage;
        junk drawer organizer; capsule storage bins; under bed storage; garage shelving organization;
        konmari drawer organization; small apartment storage; entryway shoe storage; fridge organization bins;
        toy storage; laundry room organization; declutter and organize fast; drawer dividers organization;
        organizing paper and files; under sink organization; decluttering room by room;
        minimalist closet organization""",
        interests="home organization; home decor; minimalism",
        boards="Organize me; Organization; Tidy home",
        abroad="es=organizar armario pequeño; fr=rangement placard; de=kleiderschrank ausmisten",
    ),
    theme(
        "patio and backyard",
        "situational",
        phrases="""backyard patio ideas on a budget; pergola with string lights patio; outdoor fire pit patio;
        gravel patio diy; outdoor sectional furniture backyard; privacy screen backyard; deck staining backyard;
        paver walkway backyard; outdoor kitchen backyard; hammock corner backyard; retaining wall blocks backyard;
        patio umbrella; backyard landscaping; composite decking backyard; stock tank pool backyard; outdoor rug patio;
        porch swing backyard; backyard pond; garden path stepping stones backyard; backyard above ground pool deck""",
        interests="outdoor living; landscaping; home improvement",
        boards="Backyard; Outdoor space",
        abroad="es=patios pequeños decoración; de=terrasse gestalten; fr=aménagement terrasse bois",
    ),
    theme(
        "tiny house",
        "situational",
        phrases="""tiny house floor plans; tiny house on wheels; loft bed tiny home; tiny house kitchen;
        off grid tiny house; shipping container home; composting toilet tiny house; tiny house storage stairs;
        tiny home interior; tiny house trailer foundation; cost to build a tiny house; tiny house with two bedrooms;
        a frame cabin plans; tiny house solar system; murphy bed for tiny home; tiny house exterior siding;
        living in a tiny house with family; tiny house bathroom; tiny house skoolie conversion; tiny house porch""",
        interests="architecture; minimalism; sustainable living",
        boards="Tiny house; Tiny living",
        abroad="de=tiny house grundriss; fr=mini maison sur roues; es=casas pequeñas planos",
    ),
    theme(
        "first apartment",
        "situational",
        phrases="""first apartment checklist; studio apartment layout; renter friendly wallpaper;
        apartment essentials list; peel and stick tiles rental; moving into first apartment; college apartment decor;
        studio divider first apartment; apartment decorating on a budget; command hooks gallery wall first apartment;
        small apartment dining table; moving box labels first apartment; apartment balcony decor;
        first apartment kitchen must haves; cheap apartment furniture; apartment bedroom aesthetic;
        roommate chore chart; rental kitchen upgrade; packing tips for moving; apartment entryway small""",
        interests="home decor; apartment living; budgeting",
        boards="First apartment; New place; apt stuff",
        abroad="es=decorar piso de alquiler; de=erste wohnung checkliste; pt=apartamento pequeno decorado",
    ),
    theme(
        "flower garden",
        "situational",
        phrases="""cottage garden flowers; perennial flower bed layout; hydrangea pruning flower garden;
        rose garden design; tulip bulbs planting flower garden; cut flower garden; pollinator garden plants;
        lavender border flower garden; climbing roses arch flower garden; dahlia tubers storing flower garden;
        shade garden hostas; deadheading flowers; wildflower meadow flower garden; peony care flower garden;
        window box flowers; flower bed edging; growing sweet pea flowers; front yard flower beds;
        cone flowers and rudbeckia; english garden""",
        interests="gardening; flowers; landscaping",
        boards="Flowers; Cottage garden",
        abroad="fr=jardin de roses anciennes; de=staudenbeet anlegen; es=jardín de flores perennes",
    ),
    theme(
        "smart home automation",
        "situational",
        phrases="""smart home setup; smart thermostat install; zigbee hub home automation; smart light switches;
        home assistant dashboard; voice assistant routines home automation; smart door lock;
        video doorbell wiring home automation; robot vacuum schedule home automation; smart blinds motor;
        motion sensor lights home automation; smart plug energy monitoring; wifi mesh network house home automation;
        home automation raspberry pi; smart smoke detector; led strip lights smart; smart garage door opener;
        security cameras outdoor wireless home automation; smart sprinkler controller; home theater automation""",
        interests="technology; home improvement; gadgets",
        boards="Smart home; Gadgets",
        abroad="de=smart home einrichten; fr=maison connectée domotique",
    ),
)
