"""Themes of food, sport, health and beauty."""

from __future__ import annotations

from journeys_assets.synthetic.theme import Theme, theme

FOOD: tuple[Theme, ...] = (
    theme(
        "vegan cooking",
        "evergreen",
        phrases="""vegan dinner recipes; vegan tofu scramble; vegan mac and cheese; vegan chickpea curry;
        plant based meal prep; vegan cashew cream sauce; vegan lasagna; vegan lentil bolognese; jackfruit tacos;
        vegan brownies; crispy tofu marinade; vegan buddha bowl; dairy free desserts; vegan high protein lunch;
        vegan seitan recipe; nutritional yeast recipes; vegan aquafaba meringue; vegan stew; oat milk homemade;
        vegan black bean burger; vegan tempeh stir fry""",
        interests="vegan; recipes; healthy eating",
        boards="Vegan; Plant based",
        abroad="""de=vegane rezepte einfach; de=veganes curry mit kichererbsen; es=recetas veganas fáciles;
        fr=recette végane rapide; pt=receitas veganas""",
    ),
    theme(
        "sourdough bread",
        "evergreen",
        phrases="""sourdough starter feeding; sourdough scoring patterns; no knead bread; dutch oven sourdough;
        sourdough discard recipes; banneton proofing sourdough bread; sourdough crumb; rye sourdough loaf;
        overnight bread dough; sourdough bagels; levain build; sourdough focaccia; bread flour protein;
        stretch and fold technique sourdough bread; sourdough sandwich bread; cold proof sourdough;
        sourdough pancakes discard; whole wheat sourdough; bread lame; sourdough schedule; baguette shaping""",
        interests="baking; recipes; bread",
        boards="Sourdough; Bread",
        abroad="""de=sauerteigbrot rezept; de=roggensauerteig ansetzen; fr=pain au levain maison;
        es=masa madre pan casero""",
    ),
    theme(
        "keto diet",
        "situational",
        phrases="""keto breakfast without eggs; keto meal plan for beginners; low carb snacks; keto fat bombs;
        keto bread; keto cauliflower rice; keto desserts; net carbs chart; keto chicken recipes; zucchini noodles;
        keto grocery list; keto chili; electrolytes keto flu; keto cheesecake; low carb pizza crust;
        keto macros calculator; keto lunch for work; keto pancakes almond flour; keto bulletproof coffee;
        low carb casserole""",
        interests="healthy eating; recipes; weight loss",
        boards="Keto; Low carb",
        abroad="es=recetas keto fáciles; pt=receitas low carb; de=ketogene rezepte",
    ),
    theme(
        "weekly meal prep",
        "evergreen",
        phrases="""meal prep for the week; freezer meals; sheet pan dinner; crockpot chicken dinner;
        overnight oats meal prep; 30 minute dinners; batch cooking dinners; instant pot dinner recipes;
        family dinner on a budget; high protein meal prep; easy weeknight pasta; lunch meal prep bowls;
        make ahead breakfast burritos meal prep; weekly dinner menu planner; ground beef dinner recipes;
        slow cooker soup dinner; one pot meals; healthy meal prep lunch; dump and go crockpot dinner;
        leftover chicken ideas""",
        interests="recipes; healthy eating; planning",
        boards="Dinners; Meal prep; Food",
        abroad="es=comidas para la semana; de=meal prep rezepte woche; fr=batch cooking semaine; ja=作り置き レシピ",
    ),
    theme(
        "cocktail making",
        "evergreen",
        phrases="""margarita recipe; espresso martini; home cocktail bar cart; old fashioned cocktail;
        simple syrup for cocktails; mojito pitcher cocktail; gin cocktails summer; cocktail negroni variations;
        whiskey sour cocktail; cocktail garnishes; cocktail aperol spritz; cocktail bartender tools; tequila drinks;
        bloody mary bar cocktail; cocktail glasses types; moscow mule cocktail; frozen daiquiri cocktail;
        batch cocktails for party; rum punch cocktail; vodka cocktails""",
        interests="drinks; entertaining; recipes",
        boards="Cocktails; Drinks",
        abroad="es=cócteles fáciles con ginebra; de=cocktails mixen rezepte; fr=recette cocktail rhum",
    ),
    theme(
        "cake decorating",
        "situational",
        phrases="""buttercream flowers; fondant cake tutorial; drip cake; piping tips guide cake decorating;
        swiss meringue buttercream; lambeth cake; layer cake filling; cake stand display; sculpted cake;
        smooth buttercream edges cake decorating; cake topper fondant; chocolate ganache cake; tiered cake stacking;
        vintage heart cake; edible flowers cake; mirror glaze; naked cake; ombre frosting; cupcake piping;
        cake decorating tools""",
        interests="baking; desserts; crafts",
        boards="Cakes; Cake decorating",
        abroad="es=decoración de pasteles con crema; pt=bolo decorado chantilly; fr=gâteau pâte à sucre",
    ),
    theme(
        "japanese cooking",
        "evergreen",
        phrases="""homemade ramen broth japanese recipe; sushi rolls at home; onigiri fillings japanese recipe;
        miso soup japanese recipe; japanese curry; gyoza folding japanese recipe; tamagoyaki japanese recipe;
        udon stir fry japanese recipe; teriyaki salmon japanese recipe; okonomiyaki japanese recipe;
        donburi bowl japanese recipe; dashi stock japanese recipe; bento box recipes; katsu chicken japanese recipe;
        matcha dessert japanese recipe; sukiyaki hot pot; japanese souffle pancakes; tempura batter japanese recipe;
        soba noodle salad; mochi recipe""",
        interests="recipes; japanese culture; asian food",
        boards="Japanese food; Washoku",
        abroad="""ja=味噌ラーメン 作り方; ja=おにぎり 具材; ja=唐揚げ レシピ; fr=recette ramen maison;
        es=receta sushi casero""",
    ),
    theme(
        "coffee brewing",
        "evergreen",
        phrases="""pour over coffee ratio; latte art coffee; espresso machine setup; french press coffee;
        cold brew concentrate; coffee station kitchen; coffee grinder settings; aeropress recipe; iced latte at home;
        moka pot technique coffee; milk frothing coffee; coffee beans light roast; chemex brewing;
        dial in espresso coffee; dalgona coffee; coffee syrup vanilla; coffee v60 recipe; cappuccino foam coffee;
        coffee tasting notes; coffee bar ideas""",
        interests="coffee; drinks; kitchen design",
        boards="Coffee; Coffee bar",
        abroad="es=café de filtro recetas; fr=café filtre v60; ja=ハンドドリップ コーヒー",
    ),
    theme(
        "toddler meals",
        "situational",
        phrases="""baby led weaning first foods; toddler lunch ideas; finger foods for 9 month old;
        picky eater dinner toddler food; hidden veggie muffins toddler food; baby puree recipes;
        healthy toddler snacks; toddler breakfast; iron rich foods for babies; 1 year old meal ideas;
        banana pancakes baby; kid friendly vegetables; daycare lunch toddler; sippy cup smoothie toddler;
        baby food storage; toddler pasta; starting solids schedule toddler food; teething biscuits toddler food;
        introducing allergens baby food; toddler dinner quick""",
        interests="kids; recipes; parenting",
        boards="Toddler food; Baby food",
        abroad="es=recetas para bebés 9 meses; de=breifrei baby rezepte; fr=repas bébé dme",
    ),
)

BODY: tuple[Theme, ...] = (
    theme(
        "marathon training",
        "situational",
        phrases="""marathon training plan; long run fueling marathon training; half marathon schedule;
        interval running workout; running shoes for marathon; tempo run pace marathon; carb loading before marathon;
        runner stretches hips; foam rolling for runners; marathon race day outfit; shin splints running exercises;
        running playlist for long runs; couch to 5k running plan; marathon negative splits; marathon taper;
        track speed work for runners; trail running gear; running form; strength training for runners;
        marathon sign funny; recovery after long marathon run""",
        interests="running; fitness; sports",
        boards="Marathon; Running",
        abroad="""de=marathon trainingsplan; es=plan de entrenamiento maratón; fr=plan entraînement semi marathon;
        ja=マラソン 練習 メニュー""",
    ),
    theme(
        "yoga practice",
        "evergreen",
        phrases="""morning yoga flow; yoga for back pain; hip opening poses; sun salutation sequence yoga; yin yoga;
        yoga poses for two; vinyasa sequence; restorative yoga with bolster; crow pose tutorial; yoga for flexibility;
        bedtime yoga; chair yoga for seniors; headstand progression; pranayama breathing; yoga room at home;
        yoga teacher themes; prenatal yoga; yoga wheel stretches; pigeon pose yoga; chakra meditation yoga""",
        interests="yoga; fitness; wellness",
        boards="Yoga; Namaste",
        abroad="es=yoga para principiantes; de=yoga übungen rücken; pt=posturas de yoga; fr=yoga du matin",
    ),
    theme(
        "home strength workouts",
        "evergreen",
        phrases="""dumbbell workout at home; glute workout resistance bands; 30 day ab workout challenge;
        push up workout progression; kettlebell routine; leg day workout; upper body workout women; home gym garage;
        kettlebell swings workout; core exercises; bodyweight hiit workout; back workout dumbbells; squat form;
        arm toning workout; full body workout plan; pull up bar training; workout split; booty workout;
        plank workout challenge; lower belly exercises; deadlift workout technique""",
        interests="fitness; weight loss; sports",
        boards="Workouts; Gym",
        abroad="es=rutina de ejercicios en casa; pt=treino de glúteos em casa; de=ganzkörpertraining zuhause",
    ),
    theme(
        "skincare routine",
        "evergreen",
        phrases="""skincare routine for acne; retinol skincare for beginners; vitamin c serum for skin;
        glass skin skincare; sunscreen for oily skin; niacinamide skincare; night skincare routine steps;
        hyaluronic acid for skin; dark spots skin treatment; korean skincare; double cleansing skincare;
        dry skin moisturizer; gua sha face; pore minimizing skincare; skin barrier repair; chemical exfoliant for skin;
        facial massage skincare; anti aging skin serum; hormonal acne skincare; face mask homemade;
        rosacea skincare""",
        interests="beauty; skincare; wellness",
        boards="Skincare; Glow up",
        abroad="es=rutina de cuidado facial; fr=routine soin visage; pt=cuidados com a pele; ja=スキンケア 順番",
    ),
    theme(
        "nail art",
        "evergreen",
        phrases="""almond nails; french tip nails; chrome nails; gel nail polish at home; short nail designs;
        acrylic nails coffin; summer nails bright; minimalist nail art; fall nail colors; press on nails;
        toe nails pedicure colors; nail stickers; aura nails; cat eye nails; nude nails with glitter; flower nail art;
        nail cuticle oil; ombre nails; nail art brushes; milky white nails; 3d nail charms""",
        interests="beauty; nails; fashion",
        boards="Nails; Nail inspo",
        abroad="es=uñas decoradas cortas; es=uñas acrílicas; pt=unhas decoradas; ja=ネイルデザイン; fr=ongles en gel",
    ),
    theme(
        "curly hair care",
        "evergreen",
        phrases="""curly girl method; curly haircut layers; diffuser drying curls; leave in conditioner curls;
        wash and go natural hair; 3b curls; hair porosity test; curly bangs; pineapple hair overnight;
        protective hairstyles curly hair; curl refresh spray curly hair; curly hair products;
        deep conditioning curly hair; frizz control curly hair; wavy hair routine; scrunching gel cast curly hair;
        curly bob; satin bonnet for curls; twist out curly hair; plopping curls""",
        interests="hair; beauty",
        boards="Curls; Hair",
        abroad="es=cortes para cabello rizado; pt=cronograma capilar cabelo cacheado; fr=routine cheveux bouclés",
    ),
    theme(
        "capsule wardrobe",
        "evergreen",
        phrases="""capsule wardrobe checklist; neutral outfits; business casual outfits women; wide leg jeans outfit;
        minimalist wardrobe; trench coat outfit; white sneakers outfit; french girl style outfits; work outfits office;
        outfit formula; blazer outfits; linen pants outfit; old money style outfits; wardrobe essentials women;
        layering outfits; cashmere sweater outfit; basics wardrobe; loafers outfit; travel capsule outfits;
        slip skirt outfit""",
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
        phrases="""pregnancy announcement; first trimester symptoms; hospital bag checklist pregnancy;
        maternity photoshoot; pregnancy safe workouts; pregnancy birth plan; maternity outfits;
        morning sickness remedies pregnancy; second trimester must haves; pregnancy labor and delivery tips;
        pregnancy pillow; pregnancy bump photos week by week; postpartum essentials; breastfeeding after pregnancy;
        pregnancy meal ideas; prenatal pregnancy vitamins; braxton hicks in pregnancy; baby registry list pregnancy;
        kegel exercises pregnancy; maternity jeans; newborn essentials pregnancy list""",
        interests="pregnancy; parenting; baby",
        boards="Pregnancy; Bump; Baby #1",
        abroad="es=anuncio de embarazo; de=kliniktasche checkliste; fr=annonce grossesse; pt=ensaio gestante",
    ),
    theme(
        "mindfulness and anxiety",
        "evergreen",
        phrases="""anxiety coping skills; guided meditation for anxiety; grounding techniques for anxiety;
        self care checklist for anxiety; journal prompts for anxiety; breathing exercises for panic;
        anxiety gratitude journal; therapy worksheets for anxiety; mental health quotes; anxiety cbt thought record;
        overthinking tips for anxiety; mindfulness activities; anxiety burnout recovery;
        positive affirmations for anxiety; stress relief; anxiety emotional regulation;
        inner child healing for anxiety; calming techniques; anxiety setting boundaries; digital detox for anxiety""",
        interests="wellness; mental health; self improvement",
        boards="Self care; Mental health; Calm",
        abroad="es=técnicas para la ansiedad; pt=saúde mental exercícios ansiedade; de=achtsamkeit übungen",
    ),
    theme(
        "knee rehab",
        "situational",
        phrases="""knee strengthening exercises; acl knee surgery recovery; physical therapy knee;
        knee quad sets after surgery; knee replacement rehab; meniscus tear exercises; knee pain stairs;
        patellar tendonitis; knee brace; ice pack knee; hamstring rehab for knees; range of motion knee;
        kinesio tape knee; it band stretches for knee pain; knee friendly cardio; swelling after knee surgery;
        low impact exercise bad knees; vmo knee exercises; crutches tips; runners knee""",
        interests="health; fitness; wellness",
        boards="PT; Knee",
        abroad="de=knie übungen nach op; es=ejercicios para rodilla",
    ),
)
