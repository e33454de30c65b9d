"""Themes of food, sport, health and looks.

What belongs here: the words of these themes. What does not: the shape of a theme (``theme``) and behaviour.
"""

from __future__ import annotations

from journeys_assets.synthetic.theme import Theme, theme

FOOD: tuple[Theme, ...] = (
    theme(
        "vegan cooking",
        "evergreen",
        phrases="""vegan dinner recipes; tofu scramble; vegan mac and cheese; chickpea curry; plant based meal prep;
        cashew cream sauce; vegan lasagna; lentil bolognese; jackfruit tacos; vegan brownies; crispy tofu marinade;
        buddha bowl; dairy free desserts; vegan high protein lunch; seitan recipe; nutritional yeast recipes;
        aquafaba meringue; vegan stew; oat milk homemade; black bean burger; tempeh stir fry""",
        interests="vegan; recipes; healthy eating",
        boards="Vegan; Plant based",
        abroad="""de=vegane rezepte einfach; de=veganes curry mit kichererbsen; es=recetas veganas fáciles;
        fr=recette végane rapide; pt=receitas veganas""",
    ),
    theme(
        "sourdough bread",
        "evergreen",
        phrases="""sourdough starter feeding; sourdough scoring patterns; no knead bread; dutch oven sourdough;
        sourdough discard recipes; banneton proofing; sourdough crumb; rye sourdough loaf; overnight bread dough;
        sourdough bagels; levain build; sourdough focaccia; bread flour protein; stretch and fold technique;
        sourdough sandwich bread; cold proof sourdough; sourdough pancakes discard; whole wheat sourdough; bread lame;
        sourdough schedule; baguette shaping""",
        interests="baking; recipes; bread",
        boards="Sourdough; Bread",
        abroad="""de=sauerteigbrot rezept; de=roggensauerteig ansetzen; fr=pain au levain maison;
        es=masa madre pan casero""",
    ),
    theme(
        "keto diet",
        "situational",
        phrases="""keto breakfast without eggs; keto meal plan for beginners; low carb snacks; fat bombs; keto bread;
        cauliflower rice; keto desserts; net carbs chart; keto chicken recipes; zucchini noodles; keto grocery list;
        keto chili; electrolytes keto flu; keto cheesecake; low carb pizza crust; keto macros calculator;
        keto lunch for work; keto pancakes almond flour; bulletproof coffee; low carb casserole""",
        interests="healthy eating; recipes; weight loss",
        boards="Keto; Low carb",
        abroad="es=recetas keto fáciles; pt=receitas low carb; de=ketogene rezepte",
    ),
    theme(
        "weekly meal prep",
        "evergreen",
        phrases="""meal prep for the week; freezer meals; sheet pan dinner; crockpot chicken; overnight oats;
        30 minute dinners; batch cooking; instant pot recipes; family dinner on a budget; high protein meal prep;
        easy weeknight pasta; lunch meal prep bowls; make ahead breakfast burritos; weekly menu planner;
        ground beef recipes; slow cooker soup; one pot meals; healthy lunch containers; dump and go crockpot;
        leftover chicken ideas""",
        interests="recipes; healthy eating; planning",
        boards="Dinners; Meal prep; Food",
        abroad="es=comidas para la semana; de=meal prep rezepte woche; fr=batch cooking semaine; ja=作り置き レシピ",
    ),
    theme(
        "cocktail making",
        "evergreen",
        phrases="""margarita recipe; espresso martini; home bar cart styling; old fashioned cocktail;
        simple syrup flavors; mojito pitcher; gin cocktails summer; negroni variations; whiskey sour egg white;
        cocktail garnishes; aperol spritz; bartender tool set; tequila drinks; bloody mary bar; cocktail glasses types;
        moscow mule; frozen daiquiri; batch cocktails for party; rum punch; vodka cocktails""",
        interests="drinks; entertaining; recipes",
        boards="Cocktails; Drinks",
        abroad="es=cócteles fáciles con ginebra; de=cocktails mixen rezepte; fr=recette cocktail rhum",
    ),
    theme(
        "cake decorating",
        "situational",
        phrases="""buttercream flowers; fondant cake tutorial; drip cake; piping tips guide;
        swiss meringue buttercream; lambeth cake; layer cake filling; cake stand display; sculpted cake;
        smooth buttercream edges; cake topper fondant; chocolate ganache cake; tiered cake stacking;
        vintage heart cake; edible flowers cake; mirror glaze; naked cake; ombre frosting; cupcake piping;
        cake decorating tools""",
        interests="baking; desserts; crafts",
        boards="Cakes; Cake decorating",
        abroad="es=decoración de pasteles con crema; pt=bolo decorado chantilly; fr=gâteau pâte à sucre",
    ),
    theme(
        "japanese cooking",
        "evergreen",
        phrases="""homemade ramen broth; sushi rolls at home; onigiri fillings; miso soup; japanese curry;
        gyoza folding; tamagoyaki; udon stir fry; teriyaki salmon; okonomiyaki; donburi bowl; dashi stock;
        bento box recipes; katsu chicken; matcha dessert; sukiyaki hot pot; japanese souffle pancakes; tempura batter;
        soba noodle salad; mochi recipe""",
        interests="recipes; japanese culture; asian food",
        boards="Japanese food; Washoku",
        abroad="""ja=味噌ラーメン 作り方; ja=おにぎり 具材; ja=唐揚げ レシピ; fr=recette ramen maison;
        es=receta sushi casero""",
    ),
    theme(
        "coffee brewing",
        "evergreen",
        phrases="""pour over coffee ratio; latte art; espresso machine setup; french press coffee;
        cold brew concentrate; coffee station kitchen; coffee grinder settings; aeropress recipe; iced latte at home;
        moka pot technique; milk frothing; coffee beans light roast; chemex brewing; home espresso dial in;
        dalgona coffee; coffee syrup vanilla; v60 recipe; cappuccino foam; coffee tasting notes; coffee bar ideas""",
        interests="coffee; drinks; kitchen design",
        boards="Coffee; Coffee bar",
        abroad="es=café de filtro recetas; fr=café filtre v60; ja=ハンドドリップ コーヒー",
    ),
    theme(
        "toddler meals",
        "situational",
        phrases="""baby led weaning first foods; toddler lunch ideas; finger foods for 9 month old; picky eater dinner;
        hidden veggie muffins; baby puree recipes; healthy toddler snacks; toddler breakfast;
        iron rich foods for babies; 1 year old meal ideas; banana pancakes baby; kid friendly vegetables;
        daycare lunch toddler; sippy cup smoothie toddler; baby food storage; toddler pasta; starting solids schedule;
        teething biscuits; allergen introduction baby; toddler dinner quick""",
        interests="kids; recipes; parenting",
        boards="Toddler food; Baby food",
        abroad="es=recetas para bebés 9 meses; de=breifrei baby rezepte; fr=repas bébé dme",
    ),
)

BODY: tuple[Theme, ...] = (
    theme(
        "marathon training",
        "situational",
        phrases="""marathon training plan; long run fueling; half marathon schedule; interval running workout;
        running shoes for marathon; tempo run pace; carb loading before race; runner stretches hips;
        foam rolling for runners; race day outfit; shin splints exercises; running playlist; couch to 5k;
        negative splits; marathon taper; speed work track; trail running gear; running form;
        strength training for runners; marathon sign funny; recovery after long run""",
        interests="running; fitness; sports",
        boards="Marathon; Running",
        abroad="""de=marathon trainingsplan; es=plan de entrenamiento maratón; fr=plan entraînement semi marathon;
        ja=マラソン 練習 メニュー""",
    ),
    theme(
        "yoga practice",
        "evergreen",
        phrases="""morning yoga flow; yoga for back pain; hip opening poses; sun salutation sequence; yin yoga;
        yoga poses for two; vinyasa sequence; restorative yoga with bolster; crow pose tutorial; yoga for flexibility;
        bedtime yoga; chair yoga for seniors; headstand progression; pranayama breathing; yoga room at home;
        yoga teacher themes; prenatal yoga; yoga wheel stretches; pigeon pose; chakra meditation yoga""",
        interests="yoga; fitness; wellness",
        boards="Yoga; Namaste",
        abroad="es=yoga para principiantes; de=yoga übungen rücken; pt=posturas de yoga; fr=yoga du matin",
    ),
    theme(
        "home strength workouts",
        "evergreen",
        phrases="""dumbbell workout at home; glute workout resistance bands; 30 day ab challenge; push up progression;
        kettlebell routine; leg day workout; upper body workout women; home gym garage; kettlebell swings;
        core exercises; bodyweight hiit; back workout dumbbells; squat form; arm toning workout;
        full body workout plan; pull up bar training; workout split; booty workout; plank challenge;
        lower belly exercises; deadlift technique""",
        interests="fitness; weight loss; sports",
        boards="Workouts; Gym",
        abroad="es=rutina de ejercicios en casa; pt=treino de glúteos em casa; de=ganzkörpertraining zuhause",
    ),
    theme(
        "skincare routine",
        "evergreen",
        phrases="""skincare routine for acne; retinol beginners; vitamin c serum; glass skin; sunscreen for oily skin;
        niacinamide; night skincare routine steps; hyaluronic acid; dark spots treatment; korean skincare;
        double cleansing; dry skin moisturizer; gua sha face; pore minimizing; skin barrier repair;
        chemical exfoliant aha bha; facial massage; anti aging serum; hormonal acne; face mask homemade;
        rosacea skincare""",
        interests="beauty; skincare; wellness",
        boards="Skincare; Glow up",
        abroad="es=rutina de cuidado facial; fr=routine soin visage; pt=cuidados com a pele; ja=スキンケア 順番",
    ),
    theme(
        "nail art",
        "evergreen",
        phrases="""almond nails; french tip designs; chrome nails; gel nail polish at home; short nail designs;
        acrylic nails coffin; summer nails bright; minimalist nail art; fall nail colors; press on nails;
        pedicure colors; nail stickers; aura nails; cat eye nails; nude nails with glitter; flower nail art;
        cuticle oil; ombre nails; nail art brushes; milky white nails; 3d nail charms""",
        interests="beauty; nails; fashion",
        boards="Nails; Nail inspo",
        abroad="es=uñas decoradas cortas; es=uñas acrílicas; pt=unhas decoradas; ja=ネイルデザイン; fr=ongles en gel",
    ),
    theme(
        "curly hair care",
        "evergreen",
        phrases="""curly girl method; curly haircut layers; diffuser drying curls; leave in conditioner curls;
        wash and go natural hair; 3b curls; hair porosity test; curly bangs; pineapple hair overnight;
        protective hairstyles; curl refresh spray; curly hair products; deep conditioning curly hair; frizz control;
        wavy hair routine; scrunching gel cast; curly bob; satin bonnet; twist out; plopping curls""",
        interests="hair; beauty",
        boards="Curls; Hair",
        abroad="es=cortes para cabello rizado; pt=cronograma capilar cabelo cacheado; fr=routine cheveux bouclés",
    ),
    theme(
        "capsule wardrobe",
        "evergreen",
        phrases="""capsule wardrobe checklist; neutral outfits; business casual women; wide leg jeans outfit;
        minimalist wardrobe; trench coat outfit; white sneakers outfit; french girl style; work outfits office;
        outfit formula; blazer outfits; linen pants outfit; old money style; closet essentials women; layering outfits;
        cashmere sweater look; basics wardrobe; loafers outfit; travel capsule outfits; slip skirt outfit""",
        interests="fashion; style; minimalism",
        boards="Outfits; Style; Closet",
        abroad="""es=fondo de armario básico; fr=garde robe capsule; de=capsule wardrobe grundausstattung;
        ja=着回し コーデ""",
    ),
    theme(
        "tattoo ideas",
        "situational",
        phrases="""fine line tattoo; small tattoo wrist; forearm sleeve tattoo; meaningful tattoos;
        flower tattoo shoulder; tattoo aftercare; matching sister tattoos; minimalist tattoos; half sleeve designs;
        tattoo placement; dragon tattoo; birth flower tattoo; tattoo fonts; cover up tattoo; snake tattoo;
        japanese irezumi sleeve; memorial tattoo; butterfly tattoo; watercolor tattoo; first tattoo pain chart""",
        interests="tattoos; body art; fashion",
        boards="Tattoos; Ink",
        abroad="es=tatuajes pequeños mujer; pt=tatuagem feminina delicada; de=tattoo unterarm frau; fr=tatouage fleur",
    ),
    theme(
        "pregnancy",
        "situational",
        phrases="""pregnancy announcement; first trimester symptoms; hospital bag checklist; maternity photoshoot;
        pregnancy safe workouts; birth plan template; maternity outfits; morning sickness remedies;
        second trimester must haves; labor and delivery tips; pregnancy pillow; bump photos week by week;
        postpartum essentials; breastfeeding positions; pregnancy meal ideas; prenatal vitamins; braxton hicks;
        baby registry list; kegel exercises pregnancy; maternity jeans; newborn sleep schedule""",
        interests="pregnancy; parenting; baby",
        boards="Pregnancy; Bump; Baby #1",
        abroad="es=anuncio de embarazo; de=kliniktasche checkliste; fr=annonce grossesse; pt=ensaio gestante",
    ),
    theme(
        "mindfulness and anxiety",
        "evergreen",
        phrases="""anxiety coping skills; guided meditation; grounding techniques; self care checklist;
        journal prompts for anxiety; breathing exercises for panic; gratitude journal; therapy worksheets;
        mental health quotes; cbt thought record; overthinking tips; mindfulness activities; burnout recovery;
        positive affirmations; stress relief; emotional regulation; inner child healing; calming techniques;
        setting boundaries; digital detox""",
        interests="wellness; mental health; self improvement",
        boards="Self care; Mental health; Calm",
        abroad="es=técnicas para la ansiedad; pt=saúde mental exercícios ansiedade; de=achtsamkeit übungen",
    ),
    theme(
        "knee rehab",
        "situational",
        phrases="""knee strengthening exercises; acl surgery recovery; physical therapy knee; quad sets after surgery;
        knee replacement rehab; meniscus tear exercises; knee pain stairs; patellar tendonitis; knee brace;
        ice pack knee; hamstring curls rehab; range of motion knee; kinesio tape knee; it band stretches;
        knee friendly cardio; swelling after knee surgery; low impact exercise bad knees; vmo exercises; crutches tips;
        runners knee""",
        interests="health; fitness; wellness",
        boards="PT; Knee",
        abroad="de=knie übungen nach op; es=ejercicios para rodilla",
    ),
)
