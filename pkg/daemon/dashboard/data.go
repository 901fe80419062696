package dashboard

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/datagravity/datagravity/pkg/observe"
)

const (
	datasetsPerPage = 50
	holdingsPerPage = 100
)

// matrix is datasets by destinations.
type matrix struct {
	Now          time.Time
	Destinations []place
	Rows         []matrixRow
}

// place is a destination, and where it is.
type place struct {
	Name, Location string
	Bytes          int64
}

type matrixRow struct {
	observe.Dataset
	Cells []cell
}

// cell is a dataset at a destination.
type cell struct {
	observe.Holding
	Kept    bool // the dataset is kept there, or something of it is
	Planet  planet
	Share   string
	Percent string
	// Complete: all of the latest snapshot is there.
	Complete bool
	Moving   bool
	Href     string
}

func matrixOf(l *look, datasets []observe.Dataset) (m matrix) {
	m.Now = l.At
	at := map[[2]string]observe.Holding{}
	var largest int64
	held := map[string]*place{}
	for _, h := range l.Holdings.List {
		at[[2]string{h.Dataset, h.Destination}] = h
		largest = max(largest, h.HeldBytes+h.MissingBytes)
		if held[h.Destination] == nil {
			held[h.Destination] = &place{Name: h.Destination, Location: h.Location.String()}
		}
		held[h.Destination].Bytes += h.HeldBytes + h.OtherBytes
	}
	for _, p := range held {
		m.Destinations = append(m.Destinations, *p)
	}
	slices.SortFunc(m.Destinations, func(a, b place) int { return strings.Compare(a.Name, b.Name) })
	moving := map[[2]string]bool{}
	for _, t := range l.Transfers {
		moving[[2]string{t.Dataset, t.Destination}] = true
	}
	for _, d := range datasets {
		row := matrixRow{Dataset: d}
		for _, to := range m.Destinations {
			h, ok := at[[2]string{d.Name, to.Name}]
			all := h.HeldBytes + h.MissingBytes
			c := cell{
				Holding: h, Kept: ok, Planet: newPlanet(h.HeldBytes, all, largest), Share: percent(share(h.HeldBytes, all)), Percent: shareText(h.HeldBytes, all),
				Complete: ok && h.Snapshot != nil && h.MissingShards == 0, Moving: moving[[2]string{d.Name, to.Name}], Href: linkTo("/data", "dataset", d.Name),
			}
			c.Destination = to.Name
			row.Cells = append(row.Cells, c)
		}
		m.Rows = append(m.Rows, row)
	}
	return m
}

// dataView is what is where.
type dataView struct {
	Matrix   matrix
	Pager    pager
	Holdings []observe.Holding
	More     pager
	Counted  time.Time
	Query    string
	Dataset  string
	Total    int
}

func (d *dashboard) data(r *http.Request, l *look) (*page, error) {
	v := dataView{Counted: l.Holdings.At, Query: asked(r, "q"), Dataset: asked(r, "dataset"), Total: len(l.Datasets)}
	wants := func(name string) bool {
		return (v.Dataset == "" || v.Dataset == name) && strings.Contains(strings.ToLower(name), strings.ToLower(v.Query))
	}
	var datasets []observe.Dataset
	for _, one := range l.Datasets {
		if wants(one.Name) {
			datasets = append(datasets, one)
		}
	}
	shown, p := paged(r, datasets, datasetsPerPage, "datasets")
	v.Pager, v.Matrix = p, matrixOf(l, shown)
	for _, h := range l.Holdings.List {
		if slices.ContainsFunc(shown, func(d observe.Dataset) bool { return d.Name == h.Dataset }) {
			v.Holdings = append(v.Holdings, h)
		}
	}
	v.More = pager{All: len(v.Holdings), From: min(1, len(v.Holdings)), To: min(len(v.Holdings), holdingsPerPage), What: "places"}
	v.Holdings = v.Holdings[:v.More.To]
	return &page{Title: "Data", At: "data", Body: v}, nil
}
