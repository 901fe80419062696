package dashboard

import (
	"maps"
	"net/http"
	"slices"

	"github.com/datagravity/datagravity/pkg/observe"
)

// problemRow is a warning or an error, with what can be done.
type problemRow struct {
	observe.Problem
	Class string
	About []pair
}

type pair struct{ Name, Value string }

type problemsView struct {
	Rows  []problemRow
	Pager pager
}

const problemsPerPage = 50

func (d *dashboard) problems(r *http.Request, l *look) (*page, error) {
	shown, p := paged(r, l.Problems, problemsPerPage, "problems")
	v := problemsView{Pager: p}
	for _, one := range shown {
		row := problemRow{Problem: one, Class: problemLevel(one)}
		for _, k := range slices.Sorted(maps.Keys(one.About)) {
			row.About = append(row.About, pair{k, one.About[k]})
		}
		v.Rows = append(v.Rows, row)
	}
	return &page{Title: "Problems", At: "problems", Body: v}, nil
}
