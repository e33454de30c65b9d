"""Themes of arts, crafts and learning.

What belongs here: the words of these themes. What does not: the shape of a theme (``theme``) and behaviour.
"""

from __future__ import annotations

from journeys_assets.synthetic.theme import Theme, theme

CRAFTS: tuple[Theme, ...] = (
    theme(
        "learning watercolour",
        "situational",
        phrases="""watercolor techniques; loose floral painting; watercolor brush types; wet on wet;
        color mixing chart paint; watercolor landscape easy; masking fluid; painting skies;
        watercolor paper cold press; watercolour leaves; gouache vs watercolor; urban sketching watercolor;
        watercolor portraits; botanical illustration; watercolor galaxy; paint palette layout; watercolor cards;
        watercolor animals; line and wash; watercolor for beginners; granulating pigments""",
        interests="art; painting; hobbies",
        boards="Watercolour; Painting",
        abroad="""es=acuarela para principiantes; de=aquarell malen anfänger; fr=aquarelle fleurs facile;
        ja=水彩画 描き方""",
    ),
    theme(
        "crochet",
        "evergreen",
        phrases="""crochet blanket pattern; amigurumi free pattern; granny square cardigan; crochet stitches;
        crochet baby hat; chunky yarn blanket; crochet flowers; crochet top summer; how to magic ring; crochet bag;
        c2c crochet graph; crochet scarf beginner; bobble stitch; crochet coasters; crochet bunny;
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
        phrases="""knitting sweater pattern; sock knitting; cable knit hat; circular needles; knit baby blanket;
        casting on methods; fair isle yoke; knitted mittens; brioche stitch knit; raglan top down sweater;
        stranded colorwork; knitting shawl; knitting needle sizes; ribbing stitch; blocking knitted garment;
        lace knitting charts; knit cowl; merino wool yarn knitting; dropped stitch fix; arm knitting""",
        interests="knitting; crafts; yarn",
        boards="Knitting; To knit",
        abroad="de=stricken pullover anleitung; de=socken stricken; fr=tricot pull femme; ja=棒針編み セーター",
    ),
    theme(
        "sewing clothes",
        "situational",
        phrases="""sewing pattern dress; how to sew a zipper; beginner sewing projects; hemming pants;
        sewing machine tension; wrap skirt pattern; fabric types for dresses; tote bag sewing; upcycled jeans;
        bias tape; shirring tutorial; serger thread; taking in a waistband; linen shirt pattern; invisible zipper;
        sewing room; pajama pants sewing; dart manipulation; sewing buttonholes; pattern drafting bodice;
        thrift flip dress""",
        interests="sewing; crafts; fashion",
        boards="Sewing; Sew it",
        abroad="""es=patrones de costura gratis; de=nähen für anfänger; fr=couture robe patron gratuit;
        pt=molde de costura""",
    ),
    theme(
        "quilting",
        "evergreen",
        phrases="""quilt block patterns; jelly roll quilt; log cabin quilt; free motion quilting; baby quilt;
        quilt binding tutorial; half square triangles; quilt layout settings; modern quilt; scrap quilts;
        rotary cutter; memory quilt from t shirts; star quilt block; quilt backing; hand quilting stitches;
        charm pack quilt; paper piecing; disappearing nine patch; quilt batting;
        hexagon quilt english paper piecing""",
        interests="quilting; sewing; crafts",
        boards="Quilts; Quilting",
        abroad="es=patchwork paso a paso; de=patchworkdecke nähen; fr=patchwork débutant",
    ),
    theme(
        "woodworking",
        "evergreen",
        phrases="""woodworking projects that sell; router table; dovetail joints; workbench plans;
        cutting board end grain; table saw sled; wood finishing oil; floating shelf plywood; wood joinery;
        pallet wood furniture; scroll saw patterns; wood turning bowl; epoxy river table; pocket hole bench;
        wood planer; small woodworking shop; chisels sharpening; adirondack chair plans; wooden toys; cnc wood carving;
        wood stain""",
        interests="woodworking; diy projects; tools",
        boards="Woodworking; Shop",
        abroad="""de=holzarbeiten ideen; de=werkbank selber bauen; es=carpintería proyectos fáciles;
        fr=établi bois plan""",
    ),
    theme(
        "pottery",
        "situational",
        phrases="""pottery wheel throwing; ceramic mug handles; hand built pottery; glaze combinations; pinch pot;
        slab built vase; kiln firing temperature; pottery trimming; sgraffito ceramics; air dry clay dish; coil pot;
        raku firing; ceramic plates handmade; clay tools; pottery studio; underglaze painting; centering clay;
        ceramic planters; clay texture stamps; porcelain bowl; kintsugi""",
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
        fretboard notes; guitar finger exercises; capo chart; bass guitar basics; classical guitar posture;
        guitar amp settings""",
        interests="music; hobbies; learning",
        boards="Guitar; Music",
        abroad="es=acordes de guitarra; pt=cifras violão iniciante; de=gitarre lernen akkorde",
    ),
    theme(
        "bullet journal",
        "evergreen",
        phrases="""bullet journal monthly spread; mood tracker bujo; bujo weekly layout; washi tape;
        bullet journal cover page; reading log bullet journal; brush lettering; bullet journal key; future log;
        bujo doodles; hand lettering alphabet; dot grid notebook; stickers for planner; habit tracker bujo;
        bullet journal themes; calligraphy practice sheets; bullet journal collections; planner pens;
        header ideas bullet journal; journaling supplies""",
        interests="journaling; planning; art",
        boards="Bujo; Journal",
        abroad="""es=bullet journal portadas; fr=bullet journal organisation; de=bullet journal vorlagen;
        pt=bullet journal ideias""",
    ),
    theme(
        "photography",
        "evergreen",
        phrases="""camera settings cheat sheet; portrait photography lighting; golden hour photos; lightroom presets;
        rule of thirds; long exposure; street photography; macro lens; aperture shutter iso; posing guide portraits;
        product photography at home; night sky astrophotography; film camera; photo editing; bokeh background;
        black and white photography; wide angle lens; photography portfolio; photoshoot ideas outdoors; tripod;
        camera bag""",
        interests="photography; art; technology",
        boards="Photography; Photo",
        abroad="es=fotografía de retrato; de=fotografieren lernen; fr=photographie portrait; ja=一眼レフ 撮り方",
    ),
    theme(
        "drawing anime",
        "evergreen",
        phrases="""how to draw anime eyes; manga hair drawing; anime body proportions; chibi poses;
        drawing hands reference; anime drawing base; procreate brushes; character design sheet; anime shading;
        dynamic pose reference; manga panels; drawing clothes folds; head angles drawing; digital art tutorial;
        anime boy sketch; facial expressions drawing; webtoon backgrounds; cel shading; gesture drawing; oc character;
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
        phrases="""scrapbook layouts; junk journal pages; die cutting cards; scrapbook travel page; pocket letters;
        stamping techniques; baby scrapbook pages; scrapbook paper storage; photo album diy; handmade greeting cards;
        card making sketches; ephemera printable; embossing folder; scrapbook titles; vintage paper collage;
        mini album tutorial; cricut cardstock projects; project life; layered paper flowers;
        scrapbook embellishments""",
        interests="scrapbooking; paper crafts; crafts",
        boards="Scrapbook; Cards",
        abroad="es=scrapbook álbum de fotos; pt=scrapbook ideias páginas",
    ),
    theme(
        "candle and soap making",
        "situational",
        phrases="""soy candle making; cold process soap; candle wax melt; candle wicks size;
        essential oil blends for soap; soap molds; candle jar labels; lye calculator; pillar candles;
        melt and pour soap; fragrance load candles; goat milk soap; beeswax candles; soap packaging;
        candle making business; dried flower candles; shampoo bar; candle scent names; bath bombs;
        soap swirl techniques""",
        interests="crafts; small business; wellness",
        boards="Candles; Soap",
        abroad="es=velas artesanales; de=seife selber machen; fr=bougie maison; pt=velas aromáticas",
    ),
)
