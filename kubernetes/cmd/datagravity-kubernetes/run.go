package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/go-logr/logr"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	kueue "sigs.k8s.io/kueue/apis/kueue/v1beta2"

	"github.com/datagravity/datagravity/kubernetes/admission"
	"github.com/datagravity/datagravity/kubernetes/daemon"
	"github.com/datagravity/datagravity/kubernetes/declaration"
	"github.com/datagravity/datagravity/kubernetes/release"
	"github.com/datagravity/datagravity/kubernetes/staging"
)

// run until the context ends.
func run(ctx context.Context, o options) error {
	log := slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: o.logLevel}))
	logger := logr.FromSlogHandler(log.Handler())
	ctrl.SetLogger(logger)
	klog.SetLogger(logger)

	cfg, err := ctrl.GetConfig()
	if err != nil {
		return fmt.Errorf("find the API server of the cluster: %w", err)
	}
	cfg.QPS, cfg.Burst = float32(o.requestsASecond), int(2*o.requestsASecond)
	cfg.UserAgent = "datagravity-kubernetes/" + version()
	o.daemon.Version = version()
	connection, err := daemon.New(o.daemon)
	if err != nil {
		return err
	}

	scheme := runtime.NewScheme()
	if err := clientgoscheme.AddToScheme(scheme); err != nil {
		return err
	}
	if err := kueue.AddToScheme(scheme); err != nil {
		return err
	}
	m, err := ctrl.NewManager(cfg, ctrl.Options{
		Scheme: scheme, Logger: logger, Cache: caching(o.namespaces),
		// RayJobs have no Go types here; without this they would be read past the cache, and of all namespaces.
		Client:                 client.Options{Cache: &client.CacheOptions{Unstructured: true}},
		Metrics:                metricsserver.Options{BindAddress: o.metrics},
		HealthProbeBindAddress: o.health,
		LeaderElection:         o.leaderElection, LeaderElectionID: o.lease, LeaderElectionNamespace: o.leaseNamespace,
		LeaderElectionReleaseOnCancel: true, LeaseDuration: &o.leaseDuration, RenewDeadline: &o.deadline,
		GracefulShutdownTimeout: &o.gracefulEnd,
	})
	if err != nil {
		return fmt.Errorf("the manager: %w", err)
	}
	if err := m.AddHealthzCheck("healthz", healthz.Ping); err != nil {
		return err
	}
	if err := m.AddReadyzCheck("caches", synced(m)); err != nil {
		return err
	}
	desk := staging.New(connection, staging.Options{Origin: "kubernetes:" + o.cluster, Every: o.poll, Mine: o.mine(), Log: log})
	if err := m.Add(desk); err != nil {
		return err
	}
	if err := controllers(m, desk, o, log, connection.Where()); err != nil {
		return err
	}
	log.Info("datagravity-kubernetes begins", "version", version(), "daemon", connection.Where(), "cluster", o.cluster, "namespaces", strings.Join(o.namespaces, ","))
	if err := m.Start(ctx); err != nil {
		return err
	}
	log.Info("datagravity-kubernetes ended")
	return nil
}

// controllers of what the cluster has.
func controllers(m ctrl.Manager, desk *staging.Desk, o options, log *slog.Logger, where string) error {
	withKueue, err := has(m, o.kueue, kueue.GroupVersion.WithKind("Workload"))
	if err != nil {
		return err
	}
	if withKueue {
		lease := o.lease
		if o.leaseNamespace != "" {
			lease = o.leaseNamespace + "/" + lease
		}
		err := admission.Setup(m, &admission.Workloads{
			Client: m.GetClient(), Events: m.GetEventRecorder("datagravity"), Desk: desk, Cluster: o.cluster, Where: where, Controller: o.controller,
			Limits: o.limits, Now: time.Now,
		}, &admission.Checks{
			Client: m.GetClient(), Desk: desk, Controller: o.controller, Where: where, Self: o.self(), Lease: lease, Now: time.Now,
		})
		if err != nil {
			return fmt.Errorf("the controllers for Kueue: %w", err)
		}
	}
	withRay := false
	if o.release {
		if withRay, err = has(m, o.ray, release.RayJob); err != nil {
			return err
		}
		r := release.Releaser{Client: m.GetClient(), Events: m.GetEventRecorder("datagravity"), Desk: desk, Cluster: o.cluster, Where: where, Now: time.Now}
		if err := release.Setup(m, r, withRay); err != nil {
			return fmt.Errorf("the controllers for Jobs and Pods: %w", err)
		}
	}
	log.Info("what is worked on", "kueue", withKueue, "jobs", o.release, "rayjobs", withRay)
	return nil
}

// has tells whether the cluster has a kind, or what was said of it.
func has(m ctrl.Manager, p presence, kind schema.GroupVersionKind) (bool, error) {
	if p == "no" {
		return false, nil
	}
	_, err := m.GetRESTMapper().RESTMapping(kind.GroupKind(), kind.Version)
	if apimeta.IsNoMatchError(err) && p == "auto" {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("whether the cluster has %s: %w", kind.GroupKind(), err)
	}
	return true, nil
}

// caching is what is held in memory: of Jobs, RayJobs and Pods those alone that are labelled, as the API server selects them.
func caching(namespaces []string) cache.Options {
	ours := labels.SelectorFromSet(labels.Set{declaration.Release: "true"})
	o := cache.Options{
		DefaultTransform: cache.TransformStripManagedFields(),
		ByObject: map[client.Object]cache.ByObject{
			&batchv1.Job{}: {Label: ours}, &corev1.Pod{}: {Label: ours}, release.NewRayJob(): {Label: ours},
		},
	}
	if len(namespaces) > 0 {
		o.DefaultNamespaces = map[string]cache.Config{}
		for _, n := range namespaces {
			o.DefaultNamespaces[n] = cache.Config{}
		}
	}
	return o
}

// mine are the ids of the namespaces that are worked in. Another controller may work in others of the same cluster.
func (o options) mine() func(id string) bool {
	if len(o.namespaces) == 0 {
		return nil
	}
	return func(id string) bool {
		return slices.ContainsFunc(o.namespaces, func(n string) bool { return strings.HasPrefix(id, declaration.Prefix(o.cluster, n)) })
	}
}

// self is what this process is called.
func (o options) self() string {
	if o.identity != "" {
		return o.identity
	}
	if name, err := os.Hostname(); err == nil {
		return name
	}
	return "datagravity-kubernetes"
}
