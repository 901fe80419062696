package overview

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/datagravity/datagravity/internal/terminal"
	"github.com/datagravity/datagravity/internal/words"
	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/dispatch"
	"github.com/datagravity/datagravity/pkg/observe"
)

// Field is a line or more of what is told of one thing: a name, and a text that is wrapped. One without a name goes on under the one before.
type Field struct {
	Name string
	Text string
	Role terminal.Role
}

// labelCells is the width of a field's name.
const labelCells = 12

// FieldLines lays fields out.
func FieldLines(t *terminal.Theme, width int, fields []Field) (lines []string) {
	for _, f := range fields {
		if f.Name == "" && f.Text == "" {
			lines = append(lines, "")
			continue
		}
		before := labelCells
		if width < 3*labelCells {
			before = 0
		}
		for i, text := range terminal.Wrap(terminal.Clean(f.Text), width-before) {
			l := terminal.NewLine(t, width)
			if i == 0 && before > 0 {
				l.Add(terminal.Faint, terminal.Fit(terminal.Clean(f.Name), before-1))
			}
			lines = append(lines, l.To(before).Add(f.Role, text).String())
		}
	}
	return lines
}

// Details are all that an overview has of an item of one of its [Lists], by that one's name.
func Details(o observe.Overview, list string, i Item) []Field {
	switch list {
	case "jobs":
		return JobFields(o, dispatch.Detail{Status: o.Jobs[i.Index]})
	case "transfers":
		return transferFields(o, o.Transfers[i.Index])
	case "links":
		return linkFields(o, o.Links[i.Index])
	case "budgets":
		return BudgetFields(o, observe.BudgetDetail{Budget: o.Budgets[i.Index]})
	case "data":
		return holdingFields(o, o.Holdings.List[i.Index])
	case "problems":
		return problemFields(o, o.Problems[i.Index])
	}
	a := o.Attention()[i.Index]
	return []Field{{"what", a.Kind, attentionRole(a.Kind)}, {"about", a.About, terminal.Accent}, {"why", a.Text, terminal.Plain}, {}, {"to do", a.Do, terminal.Strong}}
}

// both is a time, and how far away it is.
func both(t *time.Time, now time.Time) string {
	if t == nil || t.IsZero() {
		return "-"
	}
	return words.Clock(t) + ", " + From(*t, now)
}

// shardsShown of a job are listed; all of them are by jobs show.
const shardsShown = 500

// JobFields tell of a job, and of its missing shards if they are in the detail.
func JobFields(o observe.Overview, d dispatch.Detail) []Field {
	fields := []Field{
		{"job", d.ID, terminal.Accent}, {"state", words.Job(d.Status), stateRole(d.State)}, {"why", d.Why, terminal.Plain},
		{"what", words.JobName(d.Status), terminal.Plain}, {"selected", words.Count(d.ShardCount, "shard") + ", " + words.Size(d.Bytes), terminal.Plain},
		{"need by", both(d.NeedBy, o.At) + fmt.Sprintf("; priority %d", d.Priority), terminal.Plain}, {"there", both(d.ETA, o.At), terminal.Plain},
	}
	for _, f := range []Field{{"team", d.Team, terminal.Plain}, {"declared by", d.Origin, terminal.Plain}} {
		if f.Text != "" {
			fields = append(fields, f)
		}
	}
	for _, n := range d.Notes {
		fields = append(fields, Field{"note", n, terminal.Note})
	}
	for _, a := range o.Attention() {
		if a.About == d.ID && a.Kind == string(d.State) {
			fields = append(fields, Field{"to do", a.Do, terminal.Strong})
		}
	}
	for _, p := range d.Places {
		fields = append(fields, Field{}, Field{"at", p.Destination, terminal.Accent}, Field{"state", stateWords(p.State), stateRole(p.State)})
		if p.State == dispatch.Ready {
			continue
		}
		if p.Why != d.Why && p.Why != "" {
			fields = append(fields, Field{"why", p.Why, terminal.Plain})
		}
		missing := words.Count(p.MissingShards, "shard") + ", " + words.Size(p.MissingBytes)
		if p.SharedShards > 0 {
			missing += fmt.Sprintf("; %d of them come with other jobs", p.SharedShards)
		}
		fields = append(fields, Field{"missing", missing, terminal.Plain}, Field{"there", both(p.ETA, o.At), terminal.Plain})
		if p.USD > 0 {
			fields = append(fields, Field{"costs", "at most " + p.USD.String(), terminal.Plain})
		}
		if p.Budget != "" {
			fields = append(fields, Field{"budget", words.Held(p), terminal.Note})
		}
	}
	return append(fields, shardFields(d.Shards)...)
}

func shardFields(list []dispatch.ShardStatus) (fields []Field) {
	missing := 0
	for _, s := range list {
		if s.Present {
			continue
		}
		if missing++; missing == 1 {
			fields = append(fields, Field{}, Field{"missing", "these shards:", terminal.Plain})
		}
		if missing <= shardsShown {
			fields = append(fields, Field{"", fmt.Sprintf("%s at %s, %s: %s", s.Path, s.Destination, words.Size(s.Bytes), s.Why), terminal.Plain})
		}
	}
	if missing > shardsShown {
		fields = append(fields, Field{"", fmt.Sprintf("and %d more: datagravity jobs show ID --shards lists them all", missing-shardsShown), terminal.Faint})
	}
	return fields
}

func transferFields(o observe.Overview, t observe.Transfer) []Field {
	share := ratio(float64(t.Moved+t.Resumed), float64(t.Bytes))
	return []Field{
		{"shard", t.Path, terminal.Accent}, {"dataset", t.Dataset, terminal.Plain}, {"link", LinkName(t.Source, t.Destination), terminal.Plain}, {"way", t.Way, terminal.Plain}, {"job", t.Job, terminal.Plain}, {},
		{"done", percent(share) + " of " + words.Size(t.Bytes), terminal.Plain}, {"moved", words.Size(t.Moved), terminal.Plain}, {"resumed", words.Size(t.Resumed) + " were there from an earlier run", terminal.Plain},
		{"began", both(&t.Started, o.At), terminal.Plain}, {"last byte", both(&t.Progress, o.At), terminal.Plain},
	}
}

func linkFields(o observe.Overview, k observe.Link) []Field {
	fields := []Field{{"link", LinkName(k.Source, k.Destination), terminal.Accent}}
	if p, paused := PauseOf(o.Pauses, k.Source, k.Destination); paused {
		fields = append(fields, Field{"paused", fmt.Sprintf("by the pause of %s, since %s", p.Link, both(&p.Since, o.At)), terminal.Note})
	}
	return append(fields,
		Field{"runs", fmt.Sprint(k.Runs), terminal.Plain}, Field{"speed", perSecond(k.BytesPerSecond) + " over the last half minute", terminal.Plain},
		Field{"shards", fmt.Sprintf("%d of %d done, %d failed", k.DoneShards, k.Shards, k.Failed), terminal.Plain},
		Field{"bytes", words.Size(k.DoneBytes) + " of " + words.Size(k.Bytes), terminal.Plain}, Field{"there", both(k.ETA, o.At), terminal.Plain}, Field{"last byte", both(&k.Last, o.At), terminal.Plain}, Field{},
		Field{"in all", fmt.Sprintf("%s, %s done, %d failed since the process began", words.Size(k.MovedBytes), words.Count(int(k.DoneTotal), "shard"), k.FailedTotal), terminal.Plain},
	)
}

// BudgetFields tell of a budget, and day by day if its days are in the detail.
func BudgetFields(o observe.Overview, d observe.BudgetDetail) []Field {
	b := d.Budget
	var counts []string
	for _, one := range [][2]string{{"from", b.From}, {"to", b.To}, {"dataset", b.Dataset}, {"team", b.Team}, {"job", b.Job}} {
		if one[1] != "" {
			counts = append(counts, one[0]+" "+one[1])
		}
	}
	if len(counts) == 0 {
		counts = []string{"everything"}
	}
	fields := []Field{
		{"budget", b.Name, terminal.Accent}, {"counts", strings.Join(counts, ", "), terminal.Plain}, {"window", b.Window + " by " + b.Period + " (" + b.Zone + "); at the limit: " + b.AtLimit, terminal.Plain},
		{"until", both(b.WindowUntil, o.At), terminal.Plain},
	}
	if b.Doubt != "" {
		fields = append(fields, Field{"unknown", b.Doubt + "; all of the window counts as spent until: datagravity budget reset --reason TEXT", terminal.Bad})
	}
	fields = append(fields, Field{}, Field{"spent", b.SpentUSD.String() + ", " + words.Size(b.SpentBytes), terminal.Plain}, Field{"reserved", b.ReservedUSD.String() + ", " + words.Size(b.ReservedBytes), terminal.Plain})
	if b.LimitUSD != nil {
		fields = append(fields, Field{"left", b.LeftUSD.String() + " of " + cost.AddNanoUSD(*b.LimitUSD, b.ExtraUSD).String(), terminal.Strong})
	}
	if b.LimitBytes != nil {
		fields = append(fields, Field{"left", words.Size(*b.LeftBytes) + " of " + words.Size(*b.LimitBytes+b.ExtraBytes), terminal.Strong})
	}
	fields = append(fields, Field{"a day", b.PerDayUSD.String() + ", " + words.Size(b.PerDayBytes), terminal.Plain})
	if b.ForecastUSD != nil && b.ForecastByte != nil {
		fields = append(fields, Field{"forecast", b.ForecastUSD.String() + ", " + words.Size(*b.ForecastByte) + " by the window's end, at that pace", terminal.Plain})
	}
	fields = append(fields, Field{"used up", both(b.ExhaustedAt, o.At), terminal.Plain})
	for _, a := range d.Approvals {
		fields = append(fields, Field{"approved", fmt.Sprintf("%s and %s by %s until %s: %s", a.ExtraUSD, words.Size(a.ExtraBytes), a.By, a.Expires.Time().UTC().Format(time.RFC3339), a.Reason), terminal.Plain})
	}
	return append(fields, burnFields(d)...)
}

// burnFields show what was left at the end of each day as bars, of dollars where they are limited, else of bytes.
func burnFields(d observe.BudgetDetail) (fields []Field) {
	if len(d.Burndown) > 0 {
		fields = append(fields, Field{}, Field{"left", "at the end of each day on which anything was spent", terminal.Faint})
	}
	for _, day := range d.Burndown {
		text := fmt.Sprintf("spent %s, %s", day.USD, words.Size(day.Bytes))
		switch {
		case day.LeftUSD != nil && d.LimitUSD != nil:
			text = terminal.Bar(2*barCells, ratio(float64(*day.LeftUSD), float64(*d.LimitUSD+d.ExtraUSD))) + " " + day.LeftUSD.String() + ", " + text
		case day.LeftBytes != nil && d.LimitBytes != nil:
			text = terminal.Bar(2*barCells, ratio(float64(*day.LeftBytes), float64(*d.LimitBytes+d.ExtraBytes))) + " " + words.Size(*day.LeftBytes) + ", " + text
		}
		fields = append(fields, Field{day.Day, text, terminal.Plain})
	}
	return fields
}

func holdingFields(o observe.Overview, h observe.Holding) []Field {
	snapshot := "none yet"
	if h.Snapshot != nil {
		snapshot = h.Snapshot.String()
	}
	fields := []Field{
		{"dataset", h.Dataset, terminal.Accent}, {"at", h.Destination + ", store " + h.Store + ", under " + fmt.Sprintf("%q", h.Prefix), terminal.Plain}, {"location", h.Location.String(), terminal.Plain}, {"snapshot", snapshot, terminal.Plain}, {},
		{"held", words.Count(h.HeldShards, "shard") + ", " + words.Size(h.HeldBytes), terminal.Plain}, {"missing", words.Count(h.MissingShards, "shard") + ", " + words.Size(h.MissingBytes), terminal.Plain},
		{"older", words.Count(h.OtherShards, "shard") + ", " + words.Size(h.OtherBytes) + ": of older snapshots, or no longer in the dataset", terminal.Plain},
	}
	if h.Unsound > 0 {
		fields = append(fields, Field{"wrong", words.Count(h.Unsound, "object") + ": changed by somebody else, or damaged", terminal.Bad})
	}
	return append(fields, Field{}, Field{"written", both(h.Written, o.At), terminal.Plain}, Field{"proven", both(h.Verified, o.At) + " (the one that was proven longest ago)", terminal.Plain},
		Field{"seen", both(h.Seen, o.At) + " (the one that was not seen for the longest time)", terminal.Plain}, Field{"counted", both(&o.Holdings.At, o.At), terminal.Plain})
}

func problemFields(o observe.Overview, p observe.Problem) []Field {
	fields := []Field{{p.Level, p.Text, terminal.Strong}, {"error", p.Error, terminal.Plain}, {"kind", p.Kind, terminal.Plain}, {"to do", p.Do, terminal.Strong}, {}}
	for _, name := range slices.Sorted(maps.Keys(p.About)) {
		fields = append(fields, Field{name, p.About[name], terminal.Plain})
	}
	return append(fields, Field{"times", fmt.Sprint(p.Count), terminal.Plain}, Field{"first", both(&p.First, o.At), terminal.Plain}, Field{"last", both(&p.Last, o.At), terminal.Plain})
}
