// Package notice tells people what is wrong with an object, once for each thing that is wrong.
package notice

import (
	"sync"
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// longest note that an event can have, in bytes.
const longest = 1024

type key struct {
	kind string
	name types.NamespacedName
}

// Board remembers what was said. The zero value is ready for use.
type Board struct {
	mu   sync.Mutex
	said map[key]string
}

// Warn has an event say what is wrong with an object, if it was not the last thing that was said of it. Who made the object is told too: people look at their
// Job, not at the Workload that Kueue made of it.
func (b *Board) Warn(to events.EventRecorder, about client.Object, reason, what string) {
	b.say(to, about, corev1.EventTypeWarning, reason, "Declare", what)
}

// Tell is [Board.Warn] for what went well.
func (b *Board) Tell(to events.EventRecorder, about client.Object, reason, what string) {
	b.say(to, about, corev1.EventTypeNormal, reason, "Release", what)
}

func (b *Board) say(to events.EventRecorder, about client.Object, kind, reason, action, what string) {
	k := key{about.GetObjectKind().GroupVersionKind().Kind, client.ObjectKeyFromObject(about)}
	b.mu.Lock()
	same := b.said[k] == reason+what
	if b.said == nil {
		b.said = map[key]string{}
	}
	b.said[k] = reason + what
	b.mu.Unlock()
	if same {
		return
	}
	if len(what) > longest {
		cut := longest - len("…")
		for !utf8.RuneStart(what[cut]) {
			cut--
		}
		what = what[:cut] + "…"
	}
	to.Eventf(about, nil, kind, reason, action, "%s", what)
	for _, o := range about.GetOwnerReferences() {
		if o.Controller != nil && *o.Controller {
			ref := &corev1.ObjectReference{APIVersion: o.APIVersion, Kind: o.Kind, Name: o.Name, UID: o.UID, Namespace: about.GetNamespace()}
			to.Eventf(ref, about, kind, reason, action, "%s", what)
		}
	}
}

// Forget an object that is gone.
func (b *Board) Forget(kind string, name types.NamespacedName) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.said, key{kind, name})
}
