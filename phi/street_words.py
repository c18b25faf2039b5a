"""What a street, a route or a part of a building is called: the postal service's public list and its abbreviations. Data, no rule."""

from __future__ import annotations

from phi.cues import words

ABBREVIATIONS = words("""
 cl gdns mws aly anx arc ave avn bch bgs blf blfs blvd bnd brg brk brks btm byu byp cir cirs clb clf clfs cmn cmns cor cors cres crk crse crst cswy ct cts ctr cv cvs cyn dl dm dr drs
 est ests expy expwy extn fld flds flt flts frd frds frg frgs frk frks frst fry fwy gdn gdns gln glns grn grns grv grvs gtwy hbr hbrs hl hls holw hts hvn hwy inlt jct jcts
 knl knls ky kys lck lcks ldg lk lks ln lndg lgt lgts mdw mdws ml mls mnr mnrs msn mt mtn mtns mtwy nck opas orch pkwy pky pl pln plns plz pne pnes pr prt prts psge pt pts
 radl rd rdg rdgs rds riv rnch rpd rpds rst rte shl shls shr shrs skwy smt spg spgs sq sqs st sta stra strm sts ter terr tpke trafwy trak trce trfy trl trlr trwy tunl un upas vis
 vl vlg vlgs vly vlys vw vws wl wls xing xrd xrds
""")
MORE_SUFFIXES = ABBREVIATIONS | words("""
 alley annex arcade bayou bend bluff bluffs boulevard branch bridge brook bypass canyon causeway circle circles cliffs close common commons corner corners court courts cove coves creek crescent crest
 crossing crossings crossroad crossroads curve dale drives esplanade estate estates expressway extension falls ferry field fields flats ford forest forge fork forks freeway garden gardens gate gateway glen
 green greens grove groves harbor haven heights highway hill hills hollow hollows island isle junction key knoll knolls lake lakes landing lanes lodge loop mall manor manors meadow meadows mews mill mills
 mission motorway mountain neck oaks orchard oval overlook overpass parade park parks parkway parkways pass passage path paths pike pines place plains plaza point pointe points port prairie promenade
 quay ramp ranch rapids rest ridge ridges river roads route row run shoal shore shores skyway spring springs spur square squares station strand stream streets summit terrace terraces throughway trace track
 trafficway trail trails trailer tunnel turnpike underpass union valley valleys viaduct view views village villages ville vista walk walks wall way ways wood woods wynd yard
""")
DIRECTIONS = words(
    "north south east west northwest northeast southwest southeast nw ne sw se n s e w norte sur este oeste oriente poniente"
)
LONG_DIRECTIONS = words("north south east west northwest northeast southwest southeast nw ne sw se")
ROUTE_WORDS = words("route rte rt rr hc highway hwy road rd contract marker farm-to-market fm")
SUB_UNITS = words(
    "apartment apt unit suite ste room rm floor fl building bldg lot box trailer trlr spc space ph penthouse slip hangar dept department basement bsmt front rear upper lower side hall dorm wing interior int depto piso"
)
