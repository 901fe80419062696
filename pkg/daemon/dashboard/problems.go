package dashboard

import (
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/datagravity/datagravity/pkg/observe"
)

// problemRow is a warning or an error, with what can be done.
type problemRow struct {
	observe.Problem
	Class string
	About []pair
}

// timerRow is something that is done on a schedule.
type timerRow struct {
	observe.Timer
	Every, Took time.Duration
	Level       string
}

type pair struct{ Name, Value string }

type problemsView struct {
	Rows   []problemRow
	Timers []timerRow
	Pager  pager
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
	for _, t := range l.Timers {
		row := timerRow{Timer: t, Every: time.Duration(t.EverySeconds) * time.Second, Took: time.Duration(t.TookSeconds * float64(time.Second)), Level: note}
		switch t.Outcome {
		case "done":
			row.Level = "ok"
		case "failed":
			row.Level = bad
		case "wrong", "interrupted":
			row.Level = warn
		}
		v.Timers = append(v.Timers, row)
	}
	return &page{Title: "Problems", At: "problems", Body: v}, nil
}
