package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client/config"

	"github.com/datagravity/datagravity/kubernetes/admission"
	"github.com/datagravity/datagravity/kubernetes/daemon"
)

// options of the program.
type options struct {
	daemon     daemon.Address
	cluster    string
	namespaces []string
	controller string
	limits     admission.Limits
	poll       time.Duration
	// kueue and ray: yes, no, or auto for what the API server has.
	kueue, ray              presence
	release                 bool
	leaderElection          bool
	leaseNamespace, lease   string
	identity                string
	metrics, health         string
	logLevel                slog.Level
	requestsASecond         float64
	gracefulEnd             time.Duration
	leaseDuration, deadline time.Duration
}

// presence of an API in the cluster.
type presence string

func (p *presence) String() string { return string(*p) }

// Set reads it.
func (p *presence) Set(s string) error {
	if !slices.Contains([]string{"yes", "no", "auto"}, s) {
		return errors.New("want yes, no or auto")
	}
	*p = presence(s)
	return nil
}

// clusterPattern keeps the ids of jobs within what the daemon takes: see declaration.Prefix.
var clusterPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,30}$`)

// parse the flags; out is for --help. Errors: flag.ErrHelp, or every mistake.
func parse(args []string, out io.Writer) (o options, err error) {
	o = options{kueue: "auto", ray: "auto"}
	f := flag.NewFlagSet("datagravity-kubernetes", flag.ContinueOnError)
	f.SetOutput(io.Discard) // whoever calls says what was wrong, once and without the list of all flags
	f.Usage = func() {}
	config.RegisterFlags(f)
	f.StringVar(&o.daemon.URL, "daemon", "", "`URL` of the datagravity daemon's API, https://HOST:PORT")
	f.StringVar(&o.daemon.CA, "daemon-ca", "", "`file` with the certificates that vouch for the daemon, in PEM; without it those of the system")
	f.StringVar(&o.daemon.Fingerprint, "daemon-fingerprint", "", "SHA-256 of the daemon's certificate, in hex, instead of --daemon-ca")
	f.StringVar(&o.daemon.TokenFile, "daemon-token-file", "", "`file` with a token of the daemon, scopes read and jobs; it is read again when it changes")
	f.StringVar(&o.daemon.Socket, "daemon-socket", "", "`path` of the daemon's Unix socket, instead of --daemon")
	f.StringVar(&o.cluster, "cluster", "", "`name` of this cluster among those that ask the same daemon; jobs are called NAME/NAMESPACE/OBJECT/UID")
	f.Func("namespace", "a `namespace` to work in; may be repeated; without it all", func(s string) error {
		if s == "" || strings.ContainsAny(s, " ,/") {
			return errors.New("want one namespace; repeat the flag for others")
		}
		o.namespaces = append(o.namespaces, s)
		return nil
	})
	f.StringVar(&o.controller, "controller-name", "datagravity.dev/stage", "spec.controllerName of the AdmissionChecks that are answered")
	f.DurationVar(&o.limits.Pending, "pending", admission.DefaultLimits.Pending, "how long reserved quota may wait for data; what comes later has the Workload queue again")
	f.DurationVar(&o.limits.Retry, "retry", admission.DefaultLimits.Retry, "the longest time until a Workload that was sent back is queued again")
	f.DurationVar(&o.poll, "poll", time.Second, "time between two questions to the daemon, each for all jobs of the cluster")
	f.Var(&o.kueue, "kueue", "answer Kueue's admission checks: yes, no, or auto for whether the cluster has Kueue")
	f.Var(&o.ray, "ray", "release RayJobs: yes, no, or auto for whether the cluster has KubeRay")
	f.BoolVar(&o.release, "release", true, "release Jobs, RayJobs and Pods that are labelled datagravity.dev/release=true")
	f.BoolVar(&o.leaderElection, "leader-elect", true, "work only while holding the lease, so that several replicas can run")
	f.StringVar(&o.leaseNamespace, "lease-namespace", "", "namespace of the lease; in a cluster the pod's own")
	f.StringVar(&o.lease, "lease", "datagravity-kubernetes", "`name` of the lease")
	f.StringVar(&o.identity, "identity", "", "what this process is called in conditions; without it the host's name, which is the pod's")
	f.StringVar(&o.metrics, "metrics-address", ":8080", "where /metrics is served; 0: nowhere")
	f.StringVar(&o.health, "health-address", ":8081", "where /healthz and /readyz are served; 0: nowhere")
	f.TextVar(&o.logLevel, "log-level", slog.LevelInfo, "debug, info, warn or error")
	f.Float64Var(&o.requestsASecond, "requests-per-second", 50, "the most requests a second to the API server, with twice as many at once")
	f.DurationVar(&o.gracefulEnd, "graceful-end", 20*time.Second, "how long what was begun may take when the program is told to end")
	f.DurationVar(&o.leaseDuration, "lease-duration", 15*time.Second, "how long others wait for a leader that is silent")
	f.DurationVar(&o.deadline, "renew-deadline", 10*time.Second, "how long a leader tries to renew the lease before it gives up")
	if err := f.Parse(args); errors.Is(err, flag.ErrHelp) {
		fmt.Fprintf(out, "datagravity-kubernetes has pods start when their data is there: docs/kubernetes.md\n\n"+
			"Exit codes: %d told to end, %d failed, %d the command line is wrong\n\nFlags:\n", exitOK, exitFailed, exitUsage)
		f.SetOutput(out)
		f.PrintDefaults()
		return o, err
	} else if err != nil {
		return o, err
	}
	if f.NArg() > 0 {
		return o, fmt.Errorf("%q: there are no arguments, only flags", f.Arg(0))
	}
	return o, o.check()
}

func (o *options) check() error {
	var errs []error
	wrong := func(bad bool, format string, args ...any) {
		if bad {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	wrong(!clusterPattern.MatchString(o.cluster), "--cluster %q: give this cluster a name of up to 31 letters, digits and ._- that no other cluster of the daemon has", o.cluster)
	if err := o.daemon.Check(); err != nil {
		errs = append(errs, fmt.Errorf("--daemon: %w", err))
	}
	wrong(o.limits.Pending <= 0, "--pending %s: want more than 0", o.limits.Pending)
	wrong(o.limits.Retry < 10*time.Second, "--retry %s: want 10s or more", o.limits.Retry)
	wrong(o.poll < 100*time.Millisecond, "--poll %s: want 100ms or more", o.poll)
	wrong(o.requestsASecond <= 0, "--requests-per-second %g: want more than 0", o.requestsASecond)
	wrong(o.controller == "", "--controller-name: is empty")
	wrong(o.deadline >= o.leaseDuration, "--renew-deadline %s: want less than --lease-duration, %s", o.deadline, o.leaseDuration)
	wrong(o.kueue == "no" && !o.release, "--kueue=no and --release=false leave nothing to do")
	return errors.Join(errs...)
}
