"""Further themes of fashion and style, beside those of ``themes_food_and_body`` and ``themes_crafts``."""

from __future__ import annotations

from journeys_assets.synthetic.theme import Theme, theme

THEMES: tuple[Theme, ...] = (
    theme(
        "wedding guest outfit",
        "situational",
        phrases="""wedding guest dress summer; what to wear to a garden wedding; black tie guest gown;
        jumpsuit for wedding guest; cocktail attire women wedding; fascinator hat for wedding;
        beach wedding guest look; midi dress with sleeves formal; block heels for grass; clutch bag for evening wedding;
        can you wear black to a wedding; wedding guest hair half up; winter wedding guest outfit;
        semi formal dress code women; maternity wedding guest dress; plus size wedding guest; wrap shawl over dress;
        guest outfit over 50; destination wedding guest dresses; satin slip dress wedding guest;
        pantsuit for wedding guest; rehearsal dinner outfit guest""",
        interests="fashion; weddings; event planning",
        boards="Wedding guest; What to wear to the wedding",
        abroad="""es=vestido invitada boda de día; es=tocado para invitada; es=look invitada boda de noche;
        es=mono para boda invitada; es=zapatos cómodos invitada boda""",
    ),
    theme(
        "men's suits",
        "evergreen",
        phrases="""navy suit brown shoes; how should a suit fit; double breasted blazer men; pocket square folds;
        half windsor knot; charcoal suit shirt combinations; tweed three piece suit; suit jacket sleeve length;
        notch vs peak lapel; linen suit men summer; tie width for lapel; made to measure suit; french cuff cufflinks;
        suit trouser break; italian style tailoring men; waistcoat outfit men; belt and oxford shoes matching;
        tuxedo vs suit; pinstripe suit modern; suit alterations cost; men business formal; suspenders with suit""",
        interests="fashion; mens fashion; style",
        boards="Suits; Menswear; Dapper",
        abroad="""it=abito blu uomo abbinamenti; it=nodo cravatta; it=abito su misura uomo; it=giacca doppiopetto uomo;
        it=pochette da taschino pieghe""",
    ),
    theme(
        "sneaker collecting",
        "evergreen",
        phrases="""rare sneaker collection; sneaker display case; high top retro colorways; how to spot fake sneakers;
        sneaker release calendar; cleaning suede trainers; sole yellowing restore; shoe tree crease protector;
        custom painted sneakers; sneaker resale value; drop front shoe boxes; chunky dad shoes; lacing styles sneakers;
        limited edition collab shoes; deadstock vs used sneakers; sneakerhead room; 90s basketball shoes;
        sole swap; sneaker storage wall; grail sneakers list; vintage running shoes; on feet sneaker photos""",
        interests="fashion; collecting; streetwear",
        boards="Sneakers; Kicks; Grails",
        abroad="""ja=スニーカー コレクション; ja=スニーカー 収納 ディスプレイ; ja=限定 スニーカー;
        ja=スニーカー 加水分解 修理""",
    ),
    theme(
        "jewellery making",
        "evergreen",
        phrases="""wire wrapped pendant tutorial; polymer clay earrings; beaded bracelet patterns; resin ring mold;
        how to solder silver; seed bead earrings; stringing a pearl necklace; jump rings opening technique;
        hand stamped bangle; macrame bracelet knots; ear wire making; chainmaille weave beginner;
        bezel setting cabochon; metal clay charm; jewelry pliers set; peyote stitch beading;
        gemstone ring handmade; crimp beads how to; lost wax casting ring; copper patina cuff; leather cord necklace;
        jewelry workbench setup""",
        interests="crafts; jewelry; hobbies",
        boards="Jewelry making; Beads; Handmade jewellery",
        abroad="""pt=como fazer pulseiras de miçangas; pt=brincos de argila polimérica; pt=colar de pérolas artesanal;
        pt=bijuterias passo a passo; pt=anel de arame""",
    ),
    theme(
        "prom",
        "situational",
        phrases="""prom dress long sparkly; corset ball gown teen; promposal ideas; corsage and boutonniere match;
        prom updo with curls; high school formal tux; two piece prom dress; mermaid sequin gown;
        prom nails almond; prom makeup glam; limo group photo poses; matching prom couple colors;
        silver heels for prom; prom night after party; red satin prom dress slit; prom dress alterations;
        prom hair for short hair; modest prom dresses; prom checklist countdown; prom court crown sash;
        prom pictures with friends; prom theme decorations gym""",
        interests="fashion; beauty; parties",
        boards="Prom; Prom night; Junior prom",
    ),
    theme(
        "thrifting vintage fashion",
        "evergreen",
        phrases="""thrift store outfits; thrifting tips for beginners; 70s flared jeans vintage; vintage label dating;
        second hand leather jacket; 90s slip dress grunge; thrift haul try on; vintage band tee; 1950s swing dress;
        flea market fashion finds; oversized thrifted blazer; y2k second hand; wash smell out of thrifted clothes;
        vintage silk scarf ways to wear; 60s mod dress; reselling thrifted clothing; vintage denim sizing chart;
        grandma cardigan thrifted; charity shop bargains clothes; vintage handbag authentic; 80s windbreaker retro;
        preloved designer coat""",
        interests="fashion; vintage; sustainable living",
        boards="Thrifted; Vintage style; Thrift finds",
    ),
)
