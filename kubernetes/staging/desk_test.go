package staging

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/datagravity/datagravity/pkg/dispatch"
	"github.com/datagravity/datagravity/pkg/jobs/spec"
)

func object(name string) Object {
	return Object{"Workload", types.NamespacedName{Namespace: "team", Name: name}}
}

// desk at a keeper, and what it told of each object since it was asked last.
func desk(k *keeper) (d *Desk, told func() string) {
	d = New(k, Options{Origin: "kubernetes:k", Every: time.Second, Mine: func(id string) bool { return strings.HasPrefix(id, "k/team/") }, Now: func() time.Time { return now }})
	var names []string
	d.Tell("Workload", func(list []types.NamespacedName) {
		for _, n := range list {
			names = append(names, n.Name)
		}
	})
	return d, func() string {
		out := strings.Join(names, " ")
		names = nil
		return out
	}
}

func round(t *testing.T, d *Desk) {
	t.Helper()
	if err := d.round(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// What objects want is what the daemon has of them, and no request more than that takes.
func TestDeskKeepsWhatIsWanted(t *testing.T) {
	k := newKeeper()
	k.jobs["k/team/old"], k.origins["k/team/old"] = want("k/team/old"), "kubernetes:k"
	k.jobs["k/other/x"], k.origins["k/other/x"] = want("k/other/x"), "kubernetes:k"
	k.jobs["k/team/file"], k.origins["k/team/file"] = want("k/team/file"), "jobs.yaml"
	d, told := desk(k)
	for i, j := range many(1000) {
		d.Want(object(fmt.Sprint(i)), []spec.Job{j})
	}
	round(t, d)
	if k.asked["list"] != 1 || k.asked["add"] != 1 || k.asked["remove"] != 1 || k.most != 1000 || len(k.jobs) != 1002 {
		t.Errorf("%v, %d jobs at once, %d jobs", k.asked, k.most, len(k.jobs))
	}
	if strings.Contains(k.ids(), "k/team/old") {
		t.Error("what nobody wants is still there")
	}
	if n := len(strings.Fields(told())); n != 1000 {
		t.Errorf("%d were told", n)
	}
	for range 10 {
		round(t, d)
	}
	if k.asked["list"] != 11 || k.asked["add"] != 1 || k.asked["remove"] != 1 || told() != "" {
		t.Errorf("nothing changed, and there is %v", k.asked)
	}
	k.states["k/team/job-7"] = dispatch.Ready
	round(t, d)
	if got := told(); got != "7" || !d.Standing("k/team/job-7").Ready() {
		t.Errorf("%q was told, %+v", got, d.Standing("k/team/job-7"))
	}
	d.Want(object("7"), nil)
	d.Want(object("8"), []spec.Job{{ID: "k/team/job-8", Dataset: "pile", To: []string{"lab"}}})
	if d.Standing("k/team/job-8").Told {
		t.Error("the standing of what was wanted before counts")
	}
	delete(k.jobs, "k/team/job-9") // somebody took it back
	round(t, d)
	if _, there := k.jobs["k/team/job-7"]; there || k.jobs["k/team/job-8"].Dataset != "pile" || k.jobs["k/team/job-9"].ID == "" {
		t.Errorf("%v", k.asked)
	}
}

// Who is refused is told why, and asked for again only after a while; the others are taken.
func TestDeskRefused(t *testing.T) {
	k := newKeeper()
	k.unknown = "c5"
	d, told := desk(k)
	bad := want("k/team/bad")
	bad.Dataset = "c5"
	d.Want(object("bad"), []spec.Job{bad})
	d.Want(object("good"), []spec.Job{want("k/team/good")})
	round(t, d)
	if s := d.Standing("k/team/bad"); s.Refused != "no dataset c5" || s.Ready() || k.ids() != "k/team/good" || told() == "" {
		t.Errorf("%+v, %s", s, k.ids())
	}
	round(t, d)
	if k.asked["add"] != 1 {
		t.Errorf("%v", k.asked)
	}
	k.unknown = ""
	d.o.Now = func() time.Time { return now.Add(askAgain) }
	round(t, d)
	if s := d.Standing("k/team/bad"); s.Refused != "" || !s.Told || told() != "bad" {
		t.Errorf("%+v", s)
	}
}

// A daemon that has forgotten a job whose need-by is over takes it all the same.
func TestDeskOverdue(t *testing.T) {
	k := newKeeper()
	d, _ := desk(k)
	j := want("k/team/late")
	j.NeedBy = spec.By(now.Add(-time.Hour))
	d.Want(object("late"), []spec.Job{j})
	round(t, d)
	round(t, d)
	if k.ids() != "k/team/late" || k.asked["add"] != 1 {
		t.Errorf("%s %v %+v", k.ids(), k.asked, d.Standing("k/team/late"))
	}
}

// Objects that share a job: it stays until the last is gone, all are told, and their different times change nothing.
func TestDeskShared(t *testing.T) {
	k := newKeeper()
	d, told := desk(k)
	for i, name := range []string{"a", "b"} {
		j := want("k/team/shared")
		j.NeedBy = spec.By(now.Add(time.Hour + time.Duration(i)*time.Second))
		d.Want(object(name), []spec.Job{j})
	}
	round(t, d)
	d.Want(object("b"), []spec.Job{want("k/team/shared")})
	round(t, d)
	if n := len(strings.Fields(told())); n != 2 || k.asked["add"] != 1 {
		t.Errorf("%d told, %v", n, k.asked)
	}
	d.Want(object("a"), nil)
	round(t, d)
	if k.ids() != "k/team/shared" {
		t.Errorf("%q", k.ids())
	}
	d.Want(object("b"), nil)
	round(t, d)
	if k.ids() != "" {
		t.Errorf("%q", k.ids())
	}
}

// A daemon that is silent is asked ever more rarely, everybody is told once that it is and once that it is not, and nothing is taken back meanwhile. What
// came meanwhile is asked for when it answers.
func TestDeskSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKeeper()
		d, told := desk(k)
		d.o.Now = time.Now
		silences := 0
		d.TellSilence(func() { silences++ })
		d.Read(func(context.Context) (map[Object][]spec.Job, error) {
			return map[Object][]spec.Job{object("first"): {want("k/team/first")}}, nil
		})
		k.jobs["k/team/first"], k.origins["k/team/first"] = want("k/team/first"), "kubernetes:k"
		k.err = errDown
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- d.Start(ctx) }()
		time.Sleep(time.Hour)
		synctest.Wait()
		if n := k.asked["list"]; n < 200 || n > 300 || k.asked["add"]+k.asked["remove"] != 0 {
			t.Errorf("%v in an hour of silence", k.asked)
		}
		s := d.Silence()
		if s == nil || time.Since(s.Since) < 59*time.Minute || silences != 1 || told() != "first" {
			t.Errorf("%+v, told %d times", s, silences)
		}
		d.Want(object("second"), []spec.Job{want("k/team/second")})
		k.mu.Lock()
		k.err = nil
		k.mu.Unlock()
		time.Sleep(slowest + time.Second)
		synctest.Wait()
		if d.Silence() != nil || silences != 2 || k.ids() != "k/team/first k/team/second" {
			t.Errorf("%+v, %d, %q", d.Silence(), silences, k.ids())
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// What is wanted is asked for soon, however seldom rounds are, and a thousand that come together are one request.
func TestDeskHears(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKeeper()
		d, _ := desk(k)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- d.Start(ctx) }()
		time.Sleep(time.Minute)
		synctest.Wait()
		if n := k.asked["list"]; n > 8 {
			t.Errorf("%d lists in a minute in which nobody wants anything", n)
		}
		before := k.asked["list"]
		for i, j := range many(1000) {
			d.Want(object(fmt.Sprint(i)), []spec.Job{j})
		}
		time.Sleep(2 * gather)
		synctest.Wait()
		if k.asked["list"] != before+1 || k.asked["add"] != 1 || len(k.jobs) != 1000 {
			t.Errorf("%v, %d jobs", k.asked, len(k.jobs))
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}
