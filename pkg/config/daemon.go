package config

import "time"

// The defaults of the daemon.
const (
	defaultDrain       = Duration(30 * time.Second)
	defaultUnhealthy   = Duration(10 * time.Minute)
	defaultVerify      = Duration(24 * time.Hour)
	defaultSampleEvery = Duration(7 * 24 * time.Hour)
	defaultGC          = Duration(24 * time.Hour)
)

const (
	mostDrain = Duration(time.Hour)
	// leastUnhealthy is longer than a request to a service that is near takes.
	leastUnhealthy = Duration(5 * time.Second)
	mostUnhealthy  = Duration(24 * time.Hour)
	leastEvery     = Duration(time.Minute)
	mostEvery      = Duration(366 * 24 * time.Hour)
)

func (d *document) fillInDaemon(v *Daemon) {
	f := field{"daemon"}
	fill(d, f.Child("drain"), &v.Drain, defaultDrain)
	fill(d, f.Child("unhealthy_after"), &v.UnhealthyAfter, defaultUnhealthy)
	fill(d, f.Child("verify").Child("every"), &v.Verify.Every, defaultVerify)
	fill(d, f.Child("verify").Child("sample_every"), &v.Verify.SampleEvery, defaultSampleEvery)
	fill(d, f.Child("gc").Child("every"), &v.GC.Every, defaultGC)
}

func (d *document) checkDaemon(v Daemon) {
	f := field{"daemon"}
	verify := f.Child("verify")
	d.checkBetween(f.Child("drain"), v.Drain, 0, mostDrain)
	d.checkBetween(f.Child("unhealthy_after"), v.UnhealthyAfter, leastUnhealthy, mostUnhealthy)
	d.checkEvery(verify.Child("every"), v.Verify.Every)
	d.checkBetween(verify.Child("sample_every"), v.Verify.SampleEvery, leastEvery, mostEvery)
	d.checkEvery(f.Child("gc").Child("every"), v.GC.Every)
	if d.IsSet(verify.Child("sample_every")) && v.Verify.Sample == 0 {
		d.Wrong(verify.Child("sample_every"), "without sample nothing is read back; say how much, for example sample: 2%%, or leave it out")
	}
}

// checkEvery wants a schedule, or 0 for none.
func (d *document) checkEvery(f field, v Duration) {
	if v != 0 {
		d.checkBetween(f, v, leastEvery, mostEvery)
	}
}
