package admission

import (
	"context"
	"sync"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	kueue "sigs.k8s.io/kueue/apis/kueue/v1beta2"
)

// rejections are why Workloads were rejected. Kueue deactivates them within milliseconds, and puts words of its own over the entry that said why:
// who looks would see that it was rejected, and not what to mend. The zero value is ready for use.
type rejections struct {
	mu   sync.Mutex
	list map[types.NamespacedName]rejection
}

type rejection struct {
	uid types.UID
	why string
}

func (r *rejections) put(wl *kueue.Workload, why string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.list == nil {
		r.list = map[types.NamespacedName]rejection{}
	}
	r.list[client.ObjectKeyFromObject(wl)] = rejection{wl.UID, why}
}

// of a Workload, "" if it was not rejected by this process.
func (r *rejections) of(wl *kueue.Workload) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if one := r.list[client.ObjectKeyFromObject(wl)]; one.uid == wl.UID {
		return one.why
	}
	return ""
}

func (r *rejections) forget(name types.NamespacedName) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.list, name)
}

// sayAgain why a Workload was rejected, once Kueue has made its entry Pending again.
func (r *Workloads) sayAgain(ctx context.Context, wl *kueue.Workload) (reconcile.Result, error) {
	why := r.rejected.of(wl)
	if why == "" || ptr.Deref(wl.Spec.Active, true) || !wl.DeletionTimestamp.IsZero() {
		return reconcile.Result{}, nil
	}
	open, err := r.open(ctx, wl)
	if err != nil || len(open) == 0 {
		return reconcile.Result{}, err
	}
	message := "was rejected: " + why + ". When that is mended, delete this Workload, which Kueue makes anew, or make the Job anew"
	return r.write(ctx, wl, open, Verdict{State: kueue.CheckStatePending, Message: message}, nil)
}
