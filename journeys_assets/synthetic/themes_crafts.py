"""Themes of arts, crafts and learning."""

from __future__ import annotations

from journeys_assets.synthetic.theme import Theme, theme

CRAFTS: tuple[Theme, ...] = (
    theme(
        "learning watercolour",
        "situational",
        phrases="""watercolor techniques; loose floral painting; watercolor brush types; wet on wet;
        color mixing chart paint; watercolor landscape easy; masking fluid watercolor; painting skies;
        watercolor paper cold press; watercolour leaves; gouache vs watercolor; urban sketching watercolor;
        watercolor portraits; botanical watercolor illustration; watercolor galaxy; paint palette layout;
        watercolor cards; watercolor animals; line and wash watercolor painting; watercolor for beginners;
        granulating watercolor paints""",
        interests="art; painting; hobbies",
        boards="Watercolour; Painting",
        abroad="""es=acuarela para principiantes; de=aquarell malen anfänger; fr=aquarelle fleurs facile;
        ja=水彩画 描き方""",
    ),
    theme(
        "crochet",
        "evergreen",
        phrases="""crochet blanket pattern; amigurumi free pattern; granny square cardigan; crochet stitches;
        crochet baby hat; chunky yarn blanket; crochet flowers; crochet top summer; how to magic ring crochet;
        crochet bag; c2c crochet graph; crochet scarf beginner; bobble stitch; crochet coasters; crochet bunny;
        yarn color combinations; tunisian crochet; crochet beanie; crochet hook sizes; crochet border edging;
        crochet doily""",
        interests="crochet; crafts; yarn",
        boards="Crochet; Yarn projects",
        abroad="""es=ganchillo paso a paso; es=amigurumis patrones gratis; pt=crochê passo a passo;
        de=häkeln anleitung; ja=かぎ針編み 編み図; fr=crochet modèle gratuit""",
    ),
    theme(
        "knitting",
        "evergreen",
        phrases="""knitting sweater pattern; sock knitting; cable knit hat; circular needles knitting;
        knit baby blanket; knitting casting on methods; fair isle yoke knitting; knitted mittens; brioche stitch knit;
        raglan top down sweater knitting; stranded colorwork knitting; knitting shawl; knitting needle sizes;
        ribbing stitch knitting; blocking knitted garment; lace knitting charts; knit cowl; merino wool yarn knitting;
        dropped stitch fix knitting; arm knitting""",
        interests="knitting; crafts; yarn",
        boards="Knitting; To knit",
        abroad="de=stricken pullover anleitung; de=socken stricken; fr=tricot pull femme; ja=棒針編み セーター",
    ),
    theme(
        "sewing clothes",
        "situational",
        phrases="""sewing pattern dress; how to sew a zipper; beginner sewing projects; hemming pants;
        sewing machine tension; wrap skirt pattern; fabric types for dresses; tote bag sewing; upcycled jeans sewing;
        sewing bias tape; shirring sewing tutorial; serger sewing thread; sewing waistband alterations;
        linen shirt pattern; invisible zipper sewing; sewing room; pajama pants sewing; sewing darts;
        sewing buttonholes; bodice sewing pattern drafting; thrift flip dress""",
        interests="sewing; crafts; fashion",
        boards="Sewing; Sew it",
        abroad="""es=patrones de costura gratis; de=nähen für anfänger; fr=couture robe patron gratuit;
        pt=molde de costura""",
    ),
    theme(
        "quilting",
        "evergreen",
        phrases="""quilt block patterns; jelly roll quilt; log cabin quilt; free motion quilting; baby quilt;
        quilt binding tutorial; half square triangles quilt; quilt layout settings; modern quilt; scrap quilts;
        rotary cutter; memory quilt from t shirts; star quilt block; quilt backing; hand quilting stitches;
        charm pack quilt; paper piecing; disappearing nine patch quilt; quilt batting;
        hexagon quilt english paper piecing""",
        interests="quilting; sewing; crafts",
        boards="Quilts; Quilting",
        abroad="es=patchwork paso a paso; de=patchworkdecke nähen; fr=patchwork débutant",
    ),
    theme(
        "woodworking",
        "evergreen",
        phrases="""woodworking projects that sell; router table woodworking; dovetail joints woodworking;
        wood workbench plans; cutting board end grain woodworking; table saw sled woodworking; wood finishing oil;
        floating shelf plywood woodworking; wood joinery; pallet wood furniture; scroll saw patterns woodworking;
        wood turning bowl; epoxy river table woodworking; pocket hole bench woodworking; wood planer;
        small woodworking shop; chisels sharpening woodworking; adirondack chair plans woodworking;
        wooden toys woodworking; cnc wood carving; wood stain""",
        interests="woodworking; diy projects; tools",
        boards="Woodworking; Shop",
        abroad="""de=holzarbeiten ideen; de=werkbank selber bauen; es=carpintería proyectos fáciles;
        fr=établi bois plan""",
    ),
    theme(
        "pottery",
        "situational",
        phrases="""pottery wheel throwing; ceramic mug handles; hand built pottery; pottery glaze combinations;
        pinch pot pottery; slab built vase pottery; kiln firing temperature pottery; pottery trimming;
        sgraffito ceramics; air dry clay dish pottery; coil pot pottery; raku firing pottery; ceramic plates handmade;
        clay tools; pottery studio; underglaze painting pottery; pottery centering clay; ceramic planters;
        clay texture stamps pottery; porcelain bowl; kintsugi pottery repair""",
        interests="ceramics; art; crafts",
        boards="Pottery; Clay",
        abroad="es=cerámica a mano ideas; de=töpfern ideen; fr=poterie débutant; ja=陶芸 作品",
    ),
    theme(
        "learning guitar",
        "situational",
        phrases="""guitar chords chart; easy acoustic songs; fingerpicking patterns; barre chords; guitar strumming;
        pentatonic scale guitar; changing guitar strings; guitar tabs; electric guitar pedals; blues guitar licks;
        guitar practice routine; music theory for guitar; guitar tuning; ukulele or guitar; guitar wall mount;
        fretboard notes; guitar finger exercises; capo chart guitar; bass guitar basics; classical guitar posture;
        guitar amp settings""",
        interests="music; hobbies; learning",
        boards="Guitar; Music",
        abroad="es=acordes de guitarra; pt=cifras violão iniciante; de=gitarre lernen akkorde",
    ),
    theme(
        "bullet journal",
        "evergreen",
        phrases="""bullet journal monthly spread; bullet journal mood tracker; bullet journal weekly layout;
        washi tape bullet journal; bullet journal cover page; reading log bullet journal;
        bullet journal brush lettering; bullet journal key; future log; bullet journal doodles;
        hand lettering alphabet bullet journal; dot grid notebook; stickers for planner; bullet journal habit tracker;
        bullet journal themes; calligraphy practice sheets bullet journal; bullet journal collections; planner pens;
        header ideas bullet journal; journaling supplies""",
        interests="journaling; planning; art",
        boards="Bujo; Journal",
        abroad="""es=bullet journal portadas; fr=bullet journal organisation; de=bullet journal vorlagen;
        pt=bullet journal ideias""",
    ),
    theme(
        "photography",
        "evergreen",
        phrases="""camera settings cheat sheet; portrait photography lighting; golden hour photography;
        lightroom presets photography; photography rule of thirds; long exposure photography; street photography;
        macro lens photography; aperture shutter iso photography; portrait photography posing guide;
        product photography at home; night sky astrophotography; film camera; photo editing;
        bokeh photography background; black and white photography; wide angle lens photography; photography portfolio;
        photoshoot ideas outdoors; camera tripod; camera bag""",
        interests="photography; art; technology",
        boards="Photography; Photo",
        abroad="es=fotografía de retrato; de=fotografieren lernen; fr=photographie portrait; ja=一眼レフ 撮り方",
    ),
    theme(
        "drawing anime",
        "evergreen",
        phrases="""how to draw anime eyes; manga hair drawing; anime body proportions; chibi poses anime drawing;
        drawing hands reference; anime drawing base; procreate brushes anime drawing; anime character design sheet;
        anime shading; manga pose drawing reference; manga panels; drawing clothes folds; head angles drawing;
        manga digital drawing tutorial; anime boy sketch; facial expressions drawing;
        webtoon backgrounds anime drawing; anime cel shading; gesture drawing; anime oc character drawing;
        anime coloring skin""",
        interests="art; anime; drawing",
        boards="Anime art; Drawing refs",
        abroad="""es=cómo dibujar anime; ja=イラスト 描き方; ja=ポーズ 資料; pt=desenho anime fácil;
        fr=dessin manga facile""",
    ),
    theme(
        "learning spanish",
        "situational",
        phrases="""spanish verb conjugation chart; spanish vocabulary list; spanish for travel; learn spanish fast;
        ser vs estar; spanish grammar; spanish flashcards; subjunctive spanish; spanish phrases everyday;
        spanish podcasts; past tense spanish preterite; spanish children's books; spanish pronouns;
        spanish listening practice; por vs para; spanish slang; spanish worksheets; common spanish adjectives;
        spanish numbers and dates; spanish reading practice""",
        interests="languages; learning; education",
        boards="Spanish; Learning español",
    ),
    theme(
        "scrapbooking",
        "evergreen",
        phrases="""scrapbook layouts; junk journal pages scrapbooking; die cuts for scrapbooking;
        scrapbook travel page; pocket letters scrapbooking; scrapbook stamping techniques; baby scrapbook pages;
        scrapbook paper storage; scrapbook photo album diy; scrapbook greeting cards handmade;
        scrapbook card making sketches; ephemera printable scrapbooking; embossing folder scrapbooking;
        scrapbook titles; vintage paper collage scrapbooking; scrapbook mini album; cricut scrapbook projects;
        project life scrapbook; scrapbook paper flowers; scrapbook embellishments""",
        interests="scrapbooking; paper crafts; crafts",
        boards="Scrapbook; Cards",
        abroad="es=scrapbook álbum de fotos; pt=scrapbook ideias páginas",
    ),
    theme(
        "candle and soap making",
        "situational",
        phrases="""soy candle making; cold process soap; candle wax melt; candle wicks size;
        essential oil blends for soap; soap molds; candle jar labels; soap making lye calculator; pillar candles;
        melt and pour soap; fragrance load candles; goat milk soap; beeswax candles; soap packaging;
        candle making business; dried flower candles; shampoo bar soap making; candle scent names; bath bombs and soap;
        soap swirl techniques""",
        interests="crafts; small business; wellness",
        boards="Candles; Soap",
        abroad="es=velas artesanales; de=seife selber machen; fr=bougie maison; pt=velas aromáticas",
    ),
)
