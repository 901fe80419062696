package cluster

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kueue "sigs.k8s.io/kueue/apis/kueue/v1beta2"
)

// Queue makes a local queue in a namespace, with a cluster queue of 100 cores behind it that has the named admission checks.
func (c *Cluster) Queue(t testing.TB, namespace, name string, checks ...string) {
	t.Helper()
	flavor, all := kueue.ResourceFlavorReference(namespace), kueue.ClusterQueueReference(namespace)
	q := &kueue.ClusterQueue{
		ObjectMeta: metav1.ObjectMeta{Name: string(all)},
		Spec: kueue.ClusterQueueSpec{
			NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: namespace}},
			ResourceGroups: []kueue.ResourceGroup{{
				CoveredResources: []corev1.ResourceName{corev1.ResourceCPU},
				Flavors:          []kueue.FlavorQuotas{{Name: flavor, Resources: []kueue.ResourceQuota{{Name: corev1.ResourceCPU, NominalQuota: resource.MustParse("100")}}}},
			}},
		},
	}
	if len(checks) > 0 {
		q.Spec.AdmissionChecksStrategy = &kueue.AdmissionChecksStrategy{}
		for _, name := range checks {
			q.Spec.AdmissionChecksStrategy.AdmissionChecks = append(q.Spec.AdmissionChecksStrategy.AdmissionChecks,
				kueue.AdmissionCheckStrategyRule{Name: kueue.AdmissionCheckReference(name)})
		}
	}
	c.Make(t,
		&kueue.ResourceFlavor{ObjectMeta: metav1.ObjectMeta{Name: string(flavor)}}, q,
		&kueue.LocalQueue{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Spec: kueue.LocalQueueSpec{ClusterQueue: all}},
	)
}

// Until waits for something; two minutes are far more than anything here takes.
func (c *Cluster) Until(t testing.TB, what string, so func() bool) {
	t.Helper()
	c.UntilWithin(t, 2*time.Minute, what, so)
}

// UntilWithin is Until for what takes longer.
func (c *Cluster) UntilWithin(t testing.TB, within time.Duration, what string, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(within); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if so() {
			return
		}
	}
	c.tellState(t)
	t.Fatalf("not so after %s: %s", within, what)
}
