package notify

import (
	"github.com/datagravity/datagravity/pkg/manifest"
)

// change is what was noticed: how things are now, what is no longer there, and what is told about it.
type change struct {
	put    []manifest.Noticed
	remove []manifest.Noticed
	events []event
	alerts []manifest.Alert // that are taken over
}

func (c *change) empty() bool { return len(c.put)+len(c.remove)+len(c.events)+len(c.alerts) == 0 }

// record makes a change durable, with what each target is to be told of it, all or nothing.
func (n *Notifier) record(c change) error {
	if c.empty() {
		return nil
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	now := n.o.Manifest.Now()
	var list []manifest.Notice
	added := map[string]int{}
	for _, e := range c.events {
		one, err := encode(e, n.o.Agent, now)
		if err != nil {
			return err
		}
		for _, t := range n.targets {
			if wants(t.Events, e.kind) {
				one.Target = t.Name
				list = append(list, one)
				added[t.Name]++
			}
		}
	}
	dropped := map[string]int{}
	err := n.o.Manifest.Update(func(tx *manifest.Tx) error {
		clear(dropped)
		for _, one := range c.remove {
			if err := tx.DeleteNoticed(one); err != nil {
				return err
			}
		}
		for _, one := range c.put {
			if err := tx.PutNoticed(one); err != nil {
				return err
			}
		}
		for _, a := range c.alerts {
			if err := tx.DeliverAlert(a, manifest.At(now)); err != nil {
				return err
			}
		}
		for _, one := range list {
			if err := tx.PutNotice(one); err != nil {
				return err
			}
		}
		for target, more := range added {
			over := n.counts[target].Pending + more - mostPending
			if over <= 0 {
				continue
			}
			var oldest []manifest.Notice
			if err := tx.Notices(target, func(one manifest.Notice) (bool, error) {
				oldest = append(oldest, one)
				return len(oldest) < over, nil
			}); err != nil {
				return err
			}
			if err := deleteAll(tx, oldest); err != nil {
				return err
			}
			dropped[target] = len(oldest)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, one := range c.remove {
		delete(n.states, name{one.Kind, one.Name})
	}
	for _, one := range c.put {
		n.states[name{one.Kind, one.Name}] = one
	}
	n.begun = n.states[beginning].At
	for target, more := range added {
		n.counts[target].Pending += more - dropped[target]
		n.counts[target].GivenUp += int64(dropped[target])
		if dropped[target] > 0 {
			n.o.Log.Error("too many notifications wait: the oldest are given up; datagravity notify test shows what the target answers", "target", target, "count", dropped[target])
		}
		poke(n.wake[target])
	}
	return nil
}

// silent tells that nobody is told anything.
func (n *Notifier) silent() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.targets) == 0
}

// wanted tells whether any target wants an event.
func (n *Notifier) wanted(kind string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, t := range n.targets {
		if wants(t.Events, kind) {
			return true
		}
	}
	return false
}
