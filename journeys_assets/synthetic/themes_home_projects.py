"""Further themes of house, garden and DIY, beside those of ``themes_home``."""

from __future__ import annotations

from journeys_assets.synthetic.theme import Theme, theme

THEMES: tuple[Theme, ...] = (
    theme(
        "laundry room makeover",
        "situational",
        phrases="""small laundry room layout; stackable washer and dryer closet; laundry folding counter;
        wall mounted drying rack; laundry hamper cabinet pull out; hide washer and dryer; utility sink with cabinet;
        fold down ironing board; laundry basket shelves; laundry mudroom combo; detergent dispenser jars;
        barn door laundry room; laundry room floor tile; washer dryer pedestal diy; laundry chute in house;
        laundry sign printable; dryer vent behind wall; ceiling clothes airer; front load washer countertop;
        lost sock holder; basement laundry room ideas; sorting dirty clothes bins""",
        interests="home improvement; home organization; interior design",
        boards="Laundry room; Laundry reno",
        abroad="""de=waschküche einrichten; de=waschmaschine und trockner übereinander; de=wäscheraum ideen;
        de=wäschesortierer schrank""",
    ),
    theme(
        "painting and wallpapering walls",
        "situational",
        phrases="""how to hang wallpaper; limewash paint wall; removing old wallpaper glue; two tone painted walls;
        wall painting tape stripes; botanical wallpaper mural; how much paint do i need; eggshell vs satin finish;
        scalloped painted border; priming drywall before painting; paint roller nap size; paste the wall wallpaper;
        colour drenching walls; patching holes in plaster; sage green wall paint; cutting in around ceiling;
        geometric accent wall paint; grasscloth wallpaper; painting textured walls; wallpaper pattern matching corner;
        best white paint north facing room; color wash technique plaster""",
        interests="diy projects; home decor; home improvement",
        boards="Walls; Paint and paper; Wall colors",
        abroad="""fr=poser du papier peint; fr=peinture à la chaux mur; fr=décoller ancien papier peint;
        fr=mur peint deux couleurs; fr=préparer un mur avant peinture""",
    ),
    theme(
        "beekeeping",
        "evergreen",
        phrases="""beginner beehive setup; langstroth vs top bar hive; how to catch a swarm; varroa mite treatment;
        honey extractor manual; queen bee marking colors; bee smoker fuel; overwintering a hive; beekeeper veil;
        sugar syrup feeding ratio bees; inspecting brood frames; honey super when to add; nucleus colony installation;
        wax foundation frames; splitting a strong colony; hive stand plans; honey harvest jars labels;
        painted beehive designs; best flowers for honey bees; uncapping knife honeycomb; beekeeping calendar by month;
        requeening aggressive hive""",
        interests="gardening; homesteading; hobbies",
        boards="Beekeeping; Bees; Our hives",
        abroad="""de=imkern für anfänger; de=varroa behandlung; de=honig schleudern; de=bienenstock selber bauen;
        de=bienen überwintern""",
    ),
    theme(
        "furniture upholstery",
        "situational",
        phrases="""reupholster dining chairs; wingback chair makeover; upholstery fabric types; deep button tufting;
        replacing sagging sofa cushions; webbing and springs repair; welt cord piping cushion; staple remover tool;
        headboard padded diy; ottoman cover with legs; tack strip how to use; how much fabric for armchair;
        velvet settee restoration; slipcover for loveseat; high density foam cutting; nailhead trim spacing;
        bench seat cushion sewing; stripping an old chair to the frame; curved needle hand stitching; footstool recover;
        leather couch tear repair; chaise lounge before and after""",
        interests="furniture; diy projects; crafts",
        boards="Upholstery; Chairs to redo",
    ),
)
