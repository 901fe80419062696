package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/datagravity/datagravity/pkg/config"
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/open"
	"github.com/datagravity/datagravity/pkg/store/probe"
	"github.com/datagravity/datagravity/pkg/store/storetest"
	"github.com/datagravity/datagravity/pkg/sync/changefeed"
)

type doctorFlags struct {
	writeProbe  bool
	conformance bool
	policy      bool
}

func newDoctor(g *globals) *cobra.Command {
	var o doctorFlags
	c := &cobra.Command{
		Use: "doctor [STORE]", Short: "Open each store and say what was found: rights, location, clock, capabilities",
		Long: `Opens every configured store, or one, and reports: what it can do, whether the declared location is the bucket's region and
the agent's is this machine's, the clock, and the rights to list and read. Writes nothing unless --write-probe or
--conformance is given; both clean up after themselves. Warns of soft delete, versioning and object lock, which make temporary
objects cost money, and prints the least-privilege policy with --policy.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return runDoctor(c.Context(), g, args, o) },
	}
	c.Flags().BoolVar(&o.writeProbe, "write-probe", false, "also try to write and delete a small object below .datagravity/, for an edge to write without writing")
	c.Flags().BoolVar(&o.conformance, "conformance", false, "run the conformance suite in the store, under a prefix of its own (moves up to about 120 MiB)")
	c.Flags().BoolVar(&o.policy, "policy", false, "print the least rights that datagravity needs")
	return c
}

// finding is one line of a report.
type finding struct {
	Check string `json:"check"`
	State string `json:"state"` // ok, note, warning, failed
	Text  string `json:"text"`
}

// storeReport is what doctor says of one store.
type storeReport struct {
	Store        string              `json:"store"`
	URL          string              `json:"url"`
	Location     string              `json:"location"`
	Capabilities *store.Capabilities `json:"capabilities,omitempty"`
	Findings     []finding           `json:"findings"`
	Policy       string              `json:"policy,omitempty"`
	err          error
}

func (r *storeReport) add(check, state, format string, args ...any) {
	r.Findings = append(r.Findings, finding{check, state, fmt.Sprintf(format, args...)})
}

func (r *storeReport) fail(check string, err error) {
	text := strings.TrimPrefix(err.Error(), check+": ")
	r.add(check, "failed", "%s", strings.TrimPrefix(text, "open store "+r.Store+": "))
	r.err = errors.Join(r.err, fmt.Errorf("%s: %s: %w", r.Store, check, err))
}

func runDoctor(ctx context.Context, g *globals, args []string, o doctorFlags) (err error) {
	a, err := g.load()
	if err != nil {
		return err
	}
	defer closing(a, &err)
	names := keys(a.cfg.Stores)
	if len(args) == 1 {
		if _, ok := a.cfg.Stores[args[0]]; !ok {
			return usageError{config.UnknownName("store", args[0], names)}
		}
		names = args
	}
	agent := a.examineAgent(ctx)
	a.examineCharges(&agent)
	if err := a.examineLinks(time.Now(), &agent); err != nil {
		return err
	}
	reports := []storeReport{agent}
	for _, name := range names {
		reports = append(reports, a.examine(ctx, name, o))
	}
	var wrong error
	for _, r := range reports {
		wrong = errors.Join(wrong, r.err)
	}
	if wrong != nil {
		wrong = ended(ctx, wrong)
	}
	if g.json {
		return saying(g.printJSON(reports), wrong)
	}
	for _, r := range reports {
		if err := g.printFindings(r); err != nil {
			return err
		}
	}
	if wrong != nil {
		return &saidError{wrong}
	}
	return nil
}

// metadataWait is how long doctor waits for the clouds' metadata services: they answer within milliseconds or not at all.
const metadataWait = 2 * time.Second

func (a *app) examineAgent(ctx context.Context) (r storeReport) {
	declared := a.cfg.Agent.Location
	r = storeReport{Store: "agent", Location: declared.String()}
	found, how, err := probe.InstanceLocation(ctx, metadataWait)
	switch {
	case err != nil && declared.Provider == "onprem":
		r.add("location", "ok", "no cloud's metadata service answers, as expected of %s", declared)
	case err != nil:
		r.add("location", "warning", "declared %s, but no cloud's metadata service answers here: if this is no machine of %s, what is free and what is paid is wrong",
			declared, declared.Provider)
	case found != declared:
		r.add("location", "warning", "declared %s, but %s says %s: prices follow the declaration", declared, how, found)
	default:
		r.add("location", "ok", "%s, as %s says", declared, how)
	}
	return r
}

// examineCharges asks what no price list can tell: what the network here charges for the bytes that pass it.
func (a *app) examineCharges(r *storeReport) {
	if question := a.cfg.AsksAboutCharges(); question != "" {
		r.add("charges", "note", "%s", question)
	}
	for _, c := range a.cfg.Prices.AgentCharges {
		r.add("charges", "ok", "%s, with %s, %s: %s USD per GiB", c.Name, c.With, c.Direction, c.USDPerGiB)
	}
}

func (a *app) examine(ctx context.Context, name string, o doctorFlags) (r storeReport) {
	c := a.cfg.Stores[name]
	r = storeReport{Store: name, URL: open.Redact(c.URL), Location: c.Location.String()}
	if o.policy {
		var err error
		if r.Policy, err = a.policies(name); err != nil {
			r.fail("policy", err)
		}
	}
	if dir := open.Makes(c.URL); dir != "" && !o.writeProbe && !o.conformance {
		r.add("open", "note", "%s is not there; what opens the store first makes it, for its URL says create_dir=true. If a file system is to be mounted there, mount it before", dir)
		return r
	}
	a.examineClock(ctx, c.URL, &r)
	s, err := a.store(ctx, name)
	if err != nil {
		r.fail("open", err)
		return r
	}
	caps := s.Capabilities()
	r.Capabilities = &caps
	r.add("open", "ok", "%s", s.URL())
	a.examineRegion(caps, c.Location, &r)
	for _, w := range caps.Warnings {
		r.add("bucket", "warning", "%s", w)
	}
	r.add("checks", "note", "on upload the service checks: %s; a finished object has: %s", none(caps.ServerChecks), none(caps.ObjectChecksums))
	r.add("proof", "note", "%s", caps.Proof)
	a.examineRights(ctx, s, name, o, &r)
	if o.conformance {
		a.conformance(ctx, s, &r)
	}
	examineRequests(s, c.Requests, &r)
	return r
}

// examineRights tries what the credentials must allow. What an origin or an edge needs is more, and less, than what one agent alone does.
func (a *app) examineRights(ctx context.Context, s store.Store, name string, o doctorFlags, r *storeReport) {
	needed, err := a.roleRights(name)
	if err != nil {
		r.fail("rights", err)
		return
	}
	if len(needed) > 0 {
		examineRole(probe.Try(ctx, s, needed, o.writeProbe), r)
		if !a.isDestination(name) {
			return
		}
	}
	rights := probe.Rights(ctx, s, a.firstPrefix(name), o.writeProbe)
	for _, right := range []struct {
		name string
		probe.Result
	}{{"list", rights.List}, {"read", rights.Read}, {"write", rights.Write}, {"delete", rights.Delete}} {
		switch {
		case right.Err != nil:
			r.fail("right to "+right.name, fmt.Errorf("%w; %s", right.Err, right.Hint))
		case right.OK():
			r.add("right to "+right.name, "ok", "yes")
		case right.name == "write" || right.name == "delete":
			if !o.writeProbe {
				r.add("right to "+right.name, "note", "not tried; --write-probe tries it")
			}
		default:
			r.add("right to "+right.name, "note", "not tried: %s", right.Hint)
		}
	}
}

func none(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

func (a *app) examineClock(ctx context.Context, raw string, r *storeReport) {
	endpoint, err := open.Endpoint(raw)
	if err != nil || endpoint == "" {
		return // a directory has no clock of its own; a wrong URL is reported when it is opened
	}
	skew, err := probe.ClockSkew(ctx, a.client, endpoint)
	if err == nil {
		err = probe.CheckClock(skew)
	}
	if err != nil {
		r.fail("clock", err)
		return
	}
	r.add("clock", "ok", "within a second or so of the service's (%s)", skew.Round(time.Second))
}

func (a *app) examineRegion(caps store.Capabilities, declared store.Location, r *storeReport) {
	switch {
	case caps.Region == "" || caps.Provider == "onprem":
		r.add("location", "note", "declared %s; the service does not tell its region", declared)
	case caps.Provider != declared.Provider || !strings.EqualFold(caps.Region, declared.Region):
		r.add("location", "warning", "declared %s, but the bucket is in %s:%s: prices follow the declaration", declared, caps.Provider, caps.Region)
	default:
		r.add("location", "ok", "%s, as the service says", declared)
	}
}

// firstPrefix is a prefix that the configuration uses in a store, so that rights are tried where they are needed.
func (a *app) firstPrefix(name string) string {
	for _, n := range keys(a.cfg.Datasets) {
		if d := a.cfg.Datasets[n]; d.Store == name {
			return d.Prefix
		}
	}
	return ""
}

// policies prints the least rights for each use of a store.
func (a *app) policies(name string) (string, error) {
	raw := a.cfg.Stores[name].URL
	u, err := url.Parse(raw)
	if err != nil {
		return "", nil //nolint:nilerr // reported when it is opened
	}
	bucket := u.Host
	switch u.Scheme {
	case "file":
		bucket = u.Path
	case "azblob":
		if account := u.Query().Get("storage_account"); account != "" {
			bucket = account + "/" + u.Host
		}
	}
	var out []string
	theirs, err := a.rolePolicy(u.Scheme, bucket, name)
	if err != nil {
		return "", err
	}
	if theirs != "" {
		out = append(out, theirs)
	} else {
		for _, n := range a.datasetsIn(name) {
			out = append(out, fmt.Sprintf("# dataset %s\n%s", n, probe.Policy(u.Scheme, bucket, a.cfg.Datasets[n].Prefix, "source")))
		}
	}
	if account, _, ok := strings.Cut(bucket, "/"); ok && u.Scheme == "azblob" && a.readsFeed(name) {
		out = append(out, fmt.Sprintf("# the account's change feed\n%s", probe.Policy(u.Scheme, account+"/"+changefeed.Container, "", "source")))
	}
	for _, n := range keys(a.cfg.Destinations) {
		if d := a.cfg.Destinations[n]; d.Store == name {
			prefix, _, _ := strings.Cut(d.Prefix, "{dataset}")
			out = append(out, fmt.Sprintf("# destination %s\n%s", n, probe.Policy(u.Scheme, bucket, prefix, "destination")))
		}
	}
	return strings.Join(out, "\n"), nil
}

func (a *app) conformance(ctx context.Context, s store.Store, r *storeReport) {
	env := storetest.NewEnv(s, storetest.Options{})
	for _, c := range storetest.Cases() {
		if err := c.Run(ctx, env); err != nil {
			r.fail("conformance: "+c.Name, err)
			continue
		}
		r.add("conformance: "+c.Name, "ok", "passed")
	}
	for _, note := range env.NotProven() {
		r.add("conformance", "note", "not proven here: %s", note)
	}
}

func (g *globals) printFindings(r storeReport) error {
	_, _ = fmt.Fprintln(g.out, strings.TrimRight(r.Store+"  "+r.Location+"  "+r.URL, " "))
	t := newTable(g.out)
	for _, f := range r.Findings {
		t.row("  "+f.State, f.Check, f.Text)
	}
	if err := t.flush(); err != nil {
		return err
	}
	if r.Policy != "" {
		_, err := fmt.Fprintf(g.out, "\n%s\n", r.Policy)
		return err
	}
	return nil
}
