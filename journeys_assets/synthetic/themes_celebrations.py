"""Themes of celebrations, seasons and gifts."""

from __future__ import annotations

from journeys_assets.synthetic.theme import Theme, theme

CELEBRATIONS: tuple[Theme, ...] = (
    theme(
        "wedding planning",
        "situational",
        phrases="""wedding dress lace; wedding table centerpieces; wedding save the date wording;
        bridesmaid dresses sage green; wedding bouquet peonies; outdoor wedding venue; rustic wedding decor;
        bridal hair updo; wedding cake simple; seating chart wedding; wedding ceremony arch; groom suit navy wedding;
        wedding favors for guests; wedding first dance songs; wedding invitation suite; bridal shower games;
        wedding photography poses; wedding budget checklist; wedding vow writing; wedding flower girl basket;
        wedding reception string lights; honeymoon destinations; bachelorette party; engagement ring oval""",
        interests="weddings; event planning; fashion",
        boards="Our wedding; Wedding; W-day",
        abroad="""es=vestidos de novia sencillos; es=decoración boda al aire libre;
        de=hochzeitseinladungen selber machen; de=brautfrisur offen; fr=décoration mariage champêtre;
        pt=convite de casamento; ja=結婚式 ドレス""",
    ),
    theme(
        "baby shower",
        "situational",
        phrases="""baby shower games; gender reveal ideas; baby shower cake boy; baby shower invitations;
        baby shower balloon arch; diaper cake; teddy bear baby shower; baby shower favors; baby shower food table;
        mocktails for baby shower; baby shower decorations girl; diaper raffle; baby shower brunch menu;
        advice cards for mom to be; baby sprinkle; baby shower backdrop; woodland baby shower; baby shower cookies;
        guess the baby photo game; virtual baby shower""",
        interests="event planning; baby; parties",
        boards="Baby shower; Shower for Emma",
        abroad="""es=juegos para baby shower; es=decoración baby shower niña; pt=chá de bebê decoração;
        pt=chá revelação""",
    ),
    theme(
        "kids birthday party",
        "situational",
        phrases="""dinosaur birthday party; unicorn cake; first birthday smash cake; kids party games;
        pinata diy birthday party; birthday goody bags; balloon garland birthday; superhero party decorations;
        princess birthday party; pirate treasure hunt party; birthday party food for kids; toddler birthday themes;
        face painting easy birthday party; birthday invitation template kids; bounce house backyard party;
        mermaid birthday; construction birthday party; cupcake tower birthday; third birthday ideas;
        space themed birthday""",
        interests="parties; kids; event planning",
        boards="Birthday party; Leo turns 4",
        abroad="""es=fiesta de dinosaurios cumpleaños; de=kindergeburtstag spiele; fr=anniversaire enfant décoration;
        pt=festa infantil simples""",
    ),
    theme(
        "halloween costumes",
        "seasonal",
        phrases="""halloween costumes couples; halloween witch makeup; diy kids halloween costume;
        group halloween costumes; halloween skeleton face paint; last minute halloween costume; vampire costume women;
        family halloween costumes; zombie makeup tutorial halloween; dog halloween costume;
        halloween pumpkin carving patterns; haunted house decorations; ghost costume sheet; halloween party food;
        halloween spooky porch decor; cat ears costume; trick or treat bags halloween; barbie halloween costume;
        scarecrow costume; halloween fake blood recipe""",
        interests="halloween; costumes; parties",
        boards="Halloween; Spooky season",
        abroad="""es=disfraces de halloween caseros; de=halloween kostüm selber machen; fr=maquillage halloween facile;
        ja=ハロウィン 仮装""",
        months=(9, 10),
    ),
    theme(
        "christmas baking",
        "seasonal",
        phrases="""christmas cookies decorated; gingerbread house christmas template;
        royal icing for christmas cookies; christmas sugar cookie cutouts; christmas peppermint bark; linzer cookies;
        christmas yule log cake; christmas cupcakes; snickerdoodle cookies holiday; cookie exchange ideas;
        christmas fudge; christmas stollen bread; gingerbread men christmas cookies; holiday shortbread;
        christmas cookie box; cranberry orange loaf christmas; christmas panettone recipe;
        thumbprint christmas cookies; christmas pie crust designs; reindeer brownies""",
        interests="baking; christmas; recipes",
        boards="Christmas baking; Holiday cookies",
        abroad="""de=plätzchen backen weihnachten; de=vanillekipferl rezept; fr=bûche de noël recette;
        es=galletas de navidad decoradas; pt=biscoitos de natal""",
        months=(11, 12),
    ),
    theme(
        "christmas decorating",
        "seasonal",
        phrases="""christmas tree themes; front porch christmas decor; christmas mantel garland; diy wreath christmas;
        ornaments handmade; christmas table setting; outdoor christmas lights; advent calendar diy;
        christmas village display; christmas stocking holder; farmhouse christmas tree; flocked christmas tree;
        christmas ribbon on tree; paper snowflakes; nordic christmas decor; christmas window decorations;
        christmas staircase garland; elf on the shelf; nativity scene; christmas centerpiece candles""",
        interests="christmas; home decor; holidays",
        boards="Christmas; Xmas decor",
        abroad="""de=adventskranz selber machen; es=decoración navideña casa; fr=décoration de noël table;
        ja=クリスマス 飾り付け""",
        months=(11, 12),
    ),
    theme(
        "thanksgiving dinner",
        "seasonal",
        phrases="""thanksgiving turkey brine; stuffing recipe thanksgiving; thanksgiving table decor;
        thanksgiving green bean casserole; mashed potatoes make ahead thanksgiving; thanksgiving side dishes;
        pumpkin pie from scratch thanksgiving; cranberry sauce thanksgiving; thanksgiving charcuterie board;
        spatchcock turkey; turkey gravy; thanksgiving place cards; sweet potato casserole marshmallow;
        thanksgiving crafts for kids; leftover turkey soup; thanksgiving menu; thanksgiving pecan pie bars;
        friendsgiving potluck thanksgiving; carving a turkey; roasted brussels sprouts thanksgiving""",
        interests="recipes; holidays; entertaining",
        boards="Thanksgiving; Turkey day",
        months=(10, 11),
    ),
    theme(
        "valentines day",
        "seasonal",
        phrases="""valentines day gifts for him; valentine cards diy; valentines day nails;
        valentine heart shaped cookies; valentine crafts preschool; valentine romantic dinner at home;
        valentines day decor; galentines brunch valentines day; valentine box for school;
        chocolate covered strawberries valentines day; valentine love coupons; valentines day outfit;
        red heart garland valentines day; valentine bouquet; valentine date night at home; valentines treats for kids;
        pink heart balloons valentines day; valentine love letter ideas; valentines day basket;
        couple photoshoot valentine""",
        interests="holidays; gifts; romance",
        boards="Valentines; V-day",
        abroad="es=regalos san valentín; fr=idées saint valentin; ja=バレンタイン 手作り チョコ",
        months=(1, 2),
    ),
    theme(
        "easter",
        "seasonal",
        phrases="""easter egg decorating; easter basket ideas; bunny cake; easter brunch menu; natural egg dye;
        easter egg hunt clues; easter table centerpiece; carrot cake cupcakes easter; easter crafts for toddlers;
        hot cross buns; easter wreath; bunny ears craft; easter lamb roast; easter dress girl;
        resurrection rolls easter; marbled easter eggs; easter bunny footprints; speckled egg decor;
        easter sunday outfit; easter peeps treats""",
        interests="holidays; crafts; entertaining",
        boards="Easter; Easter fun",
        abroad="""de=ostereier färben natürlich; de=osterdeko basteln; fr=chasse aux oeufs pâques;
        es=manualidades de pascua""",
        months=(3, 4),
    ),
    theme(
        "mothers day gifts",
        "seasonal",
        phrases="""mothers day gift diy; mothers day brunch; mothers day handprint craft; mothers day card;
        personalized gift for mom; flower bouquet for mothers day; gift basket for mom; gifts for grandma;
        mothers day breakfast in bed; mom jewelry birthstone mothers day; photo gift for mother; mothers day poem;
        new mom gift; spa gift set for mom; mothers day crafts preschool; recipe book gift for mom;
        mother daughter photoshoot mothers day; mothers day cake; mothers day present for mother in law;
        mom quotes printable mothers day""",
        interests="gifts; family; crafts",
        boards="Mother's day; For mom",
        abroad="es=regalo día de la madre; de=muttertagsgeschenk basteln; pt=presente dia das mães",
        months=(4, 5),
    ),
    theme(
        "summer barbecue",
        "seasonal",
        phrases="""bbq ribs; grilled chicken marinade; summer pasta salad bbq; smoked brisket bbq;
        corn on the cob grill; backyard bbq party; burger toppings bar bbq; potato salad bbq; veggie skewers grilled;
        pulled pork smoker bbq; watermelon lemonade bbq; bbq side dishes; charcoal grill tips; grilled shrimp;
        bbq coleslaw; bbq dry rub; fourth of july cookout bbq; grilled peaches; pellet smoker recipes bbq;
        barbecue sauce homemade""",
        interests="grilling; recipes; summer",
        boards="BBQ; Cookout",
        abroad="""de=grillen beilagen; de=grillmarinade hähnchen; es=ensaladas para parrillada;
        pt=churrasco acompanhamentos""",
        months=(5, 6, 7, 8),
    ),
    theme(
        "back to school",
        "seasonal",
        phrases="""back to school lunch ideas; first day of school sign; teacher classroom decor; school supplies list;
        bento lunchbox kids; back to school outfits; homework station back to school; school morning routine chart;
        dorm room decor back to school; school locker organization; backpack for middle school;
        first day of school photo; teacher gift back to school; pencil case for school; school bus snack;
        bulletin board ideas classroom; study desk for kids; after school snacks; planner for students;
        labels for school supplies""",
        interests="kids; education; organization",
        boards="Back to school; School",
        abroad="es=vuelta al cole ideas almuerzo; de=einschulung schultüte basteln; fr=rentrée scolaire organisation",
        months=(7, 8, 9),
    ),
    theme(
        "fall decor",
        "seasonal",
        phrases="""fall porch decor; autumn wreath; pumpkin centerpiece fall decor; fall mantel;
        plaid throw blanket autumn; fall table setting; painted pumpkins fall decor; corn stalks fall porch;
        fall candles; dried leaves garland fall decor; autumn color palette home; white pumpkins decor;
        cozy fall bedroom; fall mums in planters; fall door sign; hay bale display fall decor; autumn vase arrangement;
        acorn crafts fall decor; fall entryway; gourds fall decor""",
        interests="home decor; autumn; holidays",
        boards="Fall decor; Autumn",
        abroad="de=herbstdeko hauseingang; fr=décoration automne maison",
        months=(9, 10, 11),
    ),
    theme(
        "new year resolutions",
        "seasonal",
        phrases="""new year resolution ideas; new year vision board; goal setting worksheet new year goals;
        habit tracker printable new year goals; word of the year; reset routine new year; yearly planner spread;
        no spend january; new years resolution list; new year morning routine; new year journal prompts;
        year in review template; 52 week savings challenge new year goals; self improvement plan new year goals;
        monthly goals template; 75 hard challenge new year; new year bucket list; resolutions for couples;
        new year affirmations; new year life audit""",
        interests="self improvement; planning; productivity",
        boards="New year new me; Goals",
        abroad="""es=propósitos de año nuevo; fr=bonnes résolutions nouvelle année;
        de=vision board erstellen neues jahr""",
        months=(12, 1),
    ),
    theme(
        "anniversary surprise",
        "situational",
        phrases="""anniversary gift for husband; first anniversary paper gift; anniversary scrapbook;
        surprise date for girlfriend; anniversary dinner; ten year anniversary;
        25th wedding anniversary party for parents; open when letters anniversary; couple photo book;
        anniversary trip weekend; reasons why i love you jar anniversary; anniversary cards handmade;
        anniversary memory box couple; gifts for boyfriend anniversary; silver anniversary decorations;
        anniversary vow renewal; anniversary captions; explosion box gift; polaroid wall couple;
        romantic hotel room decoration""",
        interests="romance; gifts; event planning",
        boards="Anniversary; For him",
        abroad="es=regalo de aniversario novio; pt=presente aniversário de namoro",
    ),
    theme(
        "quinceanera",
        "situational",
        phrases="""quinceanera dresses rose gold; quince court of honor; quinceanera cake;
        quinceanera themes enchanted forest; quinceanera xv invitations; quinceanera hairstyles with crown;
        quinceanera centerpieces; chambelanes outfits; quinceanera waltz song; quinceanera sweet fifteen decorations;
        quinceanera crown; last doll quinceanera; quinceanera photoshoot; damas dresses; quince changing of shoes;
        quinceanera budget; quinceanera makeup; quinceanera surprise dance; mis xv backdrop; quinceanera bouquet""",
        interests="event planning; parties; fashion",
        boards="Mis XV; Quince",
        abroad="es=vestidos de quinceañera azul; es=decoración xv años; es=invitaciones de quince años",
    ),
)
