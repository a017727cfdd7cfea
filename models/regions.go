package models

import (
	"fmt"
	"slices"
	"strings"

	"github.com/weir-data/weir/models/diag"
)

// Region is a named group of countries.
type Region struct {
	Name      string
	Doc       string
	Countries []string // ISO 3166 alpha-2, sorted
}

// area is a Region as it is written: codes, and names of other areas in lower case.
type area struct{ name, doc, of string }

// areas are the regions. The first are memberships of states in January 2026, by what the bodies
// themselves publish; a territory with a code of its own, such as RE, is not in them. The others
// are the geographical regions of the United Nations' standard M49, which have every code of ISO
// 3166 but AQ; TW, which M49 does not list, is in eastern_asia.
var areas = []area{
	{"eu", "Members of the European Union", "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK"},
	{"eea", "European Economic Area: the EU, Iceland, Liechtenstein, Norway", "eu IS LI NO"},
	{"efta", "European Free Trade Association", "CH IS LI NO"},
	{"schengen", "Schengen area", "AT BE BG CH CZ DE DK EE ES FI FR GR HR HU IS IT LI LT LU LV MT NL NO PL PT RO SE SI SK"},
	{"eurozone", "Members of the EU whose currency is the euro", "AT BE BG CY DE EE ES FI FR GR HR IE IT LT LU LV MT NL PT SI SK"},
	{"dach", "Germany, Austria, Switzerland", "AT CH DE"},
	{"benelux", "Belgium, Netherlands, Luxembourg", "BE LU NL"},
	{"nordics", "Denmark, Finland, Iceland, Norway, Sweden", "DK FI IS NO SE"},
	{"baltics", "Estonia, Latvia, Lithuania", "EE LT LV"},
	{"uk_ie", "United Kingdom and Ireland", "GB IE"},
	{"gcc", "Gulf Cooperation Council", "AE BH KW OM QA SA"},
	{"mercosur", "Mercosur, without Venezuela, which is suspended", "AR BO BR PY UY"},
	{"asean", "Association of Southeast Asian Nations", "BN ID KH LA MM MY PH SG TH TL VN"},

	{"africa", "M49 002", "northern_africa sub_saharan_africa"},
	{"northern_africa", "M49 015", "DZ EG EH LY MA SD TN"},
	{"sub_saharan_africa", "M49 202", "eastern_africa middle_africa southern_africa western_africa"},
	{"eastern_africa", "M49 014", "BI DJ ER ET IO KE KM MG MU MW MZ RE RW SC SO SS TF TZ UG YT ZM ZW"},
	{"middle_africa", "M49 017", "AO CD CF CG CM GA GQ ST TD"},
	{"southern_africa", "M49 018", "BW LS NA SZ ZA"},
	{"western_africa", "M49 011", "BF BJ CI CV GH GM GN GW LR ML MR NE NG SH SL SN TG"},
	{"americas", "M49 019", "north_america south_america"},
	{"north_america", "M49 003: with Central America and the Caribbean", "northern_america central_america caribbean"},
	{"northern_america", "M49 021", "BM CA GL PM US"},
	{"latin_america", "M49 419: Latin America and the Caribbean", "central_america caribbean south_america"},
	{"central_america", "M49 013: with Mexico", "BZ CR GT HN MX NI PA SV"},
	{"caribbean", "M49 029", "AG AI AW BB BL BQ BS CU CW DM DO GD GP HT JM KN KY LC MF MQ MS PR SX TC TT VC VG VI"},
	{"south_america", "M49 005", "AR BO BR BV CL CO EC FK GF GS GY PE PY SR UY VE"},
	{"asia", "M49 142", "central_asia eastern_asia south_eastern_asia southern_asia western_asia"},
	{"central_asia", "M49 143", "KG KZ TJ TM UZ"},
	{"eastern_asia", "M49 030, with Taiwan", "CN HK JP KP KR MN MO TW"},
	{"south_eastern_asia", "M49 035", "BN ID KH LA MM MY PH SG TH TL VN"},
	{"southern_asia", "M49 034", "AF BD BT IN IR LK MV NP PK"},
	{"western_asia", "M49 145", "AE AM AZ BH CY GE IL IQ JO KW LB OM PS QA SA SY TR YE"},
	{"europe", "M49 150", "eastern_europe northern_europe southern_europe western_europe"},
	{"eastern_europe", "M49 151", "BG BY CZ HU MD PL RO RU SK UA"},
	{"northern_europe", "M49 154", "AX DK EE FI FO GB GG IE IM IS JE LT LV NO SE SJ"},
	{"southern_europe", "M49 039, with Kosovo as XK", "AD AL BA ES GI GR HR IT ME MK MT PT RS SI SM VA XK"},
	{"western_europe", "M49 155", "AT BE CH DE FR LI LU MC NL"},
	{"oceania", "M49 009", "australia_new_zealand melanesia micronesia polynesia"},
	{"australia_new_zealand", "M49 053", "AU CC CX HM NF NZ"},
	{"melanesia", "M49 054", "FJ NC PG SB VU"},
	{"micronesia", "M49 057", "FM GU KI MH MP NR PW UM"},
	{"polynesia", "M49 061", "AS CK NU PF PN TK TO TV WF WS"},
}

// regions are the areas with their countries, in their order.
var regions = func() []Region {
	of := map[string]string{}
	for _, a := range areas {
		of[a.name] = a.of
	}
	var codes func(list string) []string
	codes = func(list string) []string {
		var out []string
		for _, word := range strings.Fields(list) {
			if inner, ok := of[word]; ok {
				out = append(out, codes(inner)...)
			} else {
				out = append(out, word)
			}
		}
		slices.Sort(out)
		return slices.Compact(out)
	}
	out := make([]Region, len(areas))
	for i, a := range areas {
		out[i] = Region{Name: a.name, Doc: a.doc, Countries: codes(a.of)}
	}
	return out
}()

// Regions lists the regions that in_region knows.
func Regions() []Region { return regions }

// Countries lists the ISO 3166 codes of two and of three letters that in_region takes for what it
// names: regions, and codes of single countries in any case. Names that it does not know give
// nothing.
func Countries(named []string) []string {
	var out []string
	for _, name := range named {
		alpha2 := []string{strings.ToUpper(strings.TrimSpace(name))}
		if i := slices.IndexFunc(regions, func(r Region) bool { return r.Name == name }); i >= 0 {
			alpha2 = regions[i].Countries
		}
		for _, code := range alpha2 {
			if long, ok := alpha3[code]; ok {
				out = append(out, code, long)
			} else if short, ok := alpha2Of[code]; ok {
				out = append(out, short, code)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// regionNames are for suggestions.
func regionNames() []string { return names(regions, func(r *Region) string { return r.Name }) }

// inRegion checks what in_region names.
func (c *checker) inRegion(path string, t *Test, typ Type) {
	if typ != Unknown && typ != Text {
		c.fail(path, "models.operator_type", "name a trait or column with country codes", "in_region takes country codes, not %s", named(typ))
	}
	if len(t.InRegion) == 0 {
		c.fail(path, "models.empty_list", "name a region, such as eu", "in_region has no region in it")
	}
	at := func(i int) string {
		if len(t.InRegion) == 1 {
			return path
		}
		return item(path, i)
	}
	for i, name := range t.InRegion {
		if slices.Contains(t.InRegion[:i], name) {
			c.fail(at(i), "models.doubled", "take one of them out", "%q stands twice in this list", name)
		}
		if len(Countries([]string{name})) > 0 {
			continue
		}
		fix := diag.DidYouMean(name, regionNames())
		switch {
		case strings.EqualFold(name, "uk"):
			fix = "write GB"
		case fix == "":
			fix = fmt.Sprintf("use a region such as %s, or codes of countries such as FR; docs/segments.md has the list", strings.Join(regionNames()[:7], ", "))
		}
		c.fail(at(i), "models.unknown_region", fix, "unknown region %q", name)
	}
}
