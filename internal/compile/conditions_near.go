package compile

import (
	"fmt"
	"math"
	"strconv"

	"github.com/weir-data/weir/internal/rel"
	"github.com/weir-data/weir/models"
	"github.com/weir-data/weir/models/diag"
)

// near is whether a profile's coordinates are within a distance of a place on a sphere. Those that
// are absent or not on the earth are not. The box around the circle is looked at first: the distance
// is computed for what is in it only.
func (c *conditions) near(path string, n *models.Near) rel.Expr {
	if len(n.At) != 2 {
		return c.fail(diag.Problem{Path: path + ".near.at", Code: "models.near", What: fmt.Sprintf("at takes the traits with latitude and longitude, not %d", len(n.At)), Fix: "write two traits: [latitude, longitude]"})
	}
	var at [2]rel.Expr
	for i, name := range n.At {
		tr := c.entity.Trait(name)
		if tr == nil {
			return c.fail(diag.Problem{Path: fmt.Sprintf("%s.near.at[%d]", path, i), Code: "models.unknown_trait",
				What: fmt.Sprintf("%s has no trait %q", c.entity.Name, name), Fix: diag.DidYouMean(name, c.entity.TraitNames())})
		}
		at[i] = c.trait(name)
		switch typ := TraitType(c.in, tr); typ {
		case models.Integer, models.Number:
		case models.Unknown:
			at[i] = rel.Cast{Expr: at[i], Type: models.Number, Try: true}
		default:
			return c.fail(unfit(fmt.Sprintf("%s.near.at[%d]", path, i), "trait "+name, fmt.Errorf("coordinates are numbers, not %s", typ), "name a trait with degrees; add type: number to it if its column is text"))
		}
	}
	lat, _ := strconv.ParseFloat(n.Latitude.Text, 64) // checked with the model
	lon, _ := strconv.ParseFloat(n.Longitude.Text, 64)
	metres := rel.F(rel.GreatCircle, degrees(lat), degrees(lon), at[0], at[1])
	onEarth := []rel.Expr{between(at[0], -90, 90), between(at[1], -180, 180)}
	c.tell(path, FactLatitude, at[0], models.Number)
	c.tell(path, FactLongitude, at[1], models.Number)
	c.tell(path, FactDistance, when(and(onEarth), metres), models.Number)
	limit := rel.N(strconv.FormatFloat(float64(n.Within), 'f', 3, 64))
	return rel.Case{
		Whens: []rel.When{{If: and(append(onEarth, box(at[0], at[1], lat, lon, float64(n.Within))...)), Then: rel.F(rel.Le, metres, limit)}},
		Else:  rel.B(false),
	}
}

// box is whether a point is in the smallest box of latitudes and longitudes around a circle. A
// circle with a pole in it has every longitude; one over the antimeridian is in two boxes.
func box(lat, lon rel.Expr, latitude, longitude, metres float64) []rel.Expr {
	const margin = 1e-6 // degrees, about 10 cm: rounding keeps nobody out
	angle := metres / rel.EarthRadius
	north, south := latitude+angle*180/math.Pi+margin, latitude-angle*180/math.Pi-margin
	out := []rel.Expr{between(lat, max(south, -90), min(north, 90))}
	if north >= 90 || south <= -90 {
		return out
	}
	// The circle touches its outermost longitudes where its radius meets them at a right angle.
	reach := math.Asin(min(1, math.Sin(angle)/math.Cos(latitude*math.Pi/180)))*180/math.Pi + margin
	west, east := longitude-reach, longitude+reach
	switch {
	case reach >= 180:
		return out
	case west < -180:
		return append(out, rel.F(rel.Or, between(lon, -180, east), between(lon, west+360, 180)))
	case east > 180:
		return append(out, rel.F(rel.Or, between(lon, -180, east-360), between(lon, west, 180)))
	}
	return append(out, between(lon, west, east))
}

func between(e rel.Expr, low, high float64) rel.Expr {
	return rel.F(rel.And, rel.F(rel.Ge, e, degrees(low)), rel.F(rel.Le, e, degrees(high)))
}

func degrees(d float64) rel.Expr { return rel.N(strconv.FormatFloat(d, 'f', 9, 64)) }
