package plan

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/datagravity/datagravity/pkg/cost"
)

// ErrArchived: shards must be read that are in an archive class, which nobody can read before they are restored.
var ErrArchived = errors.New("archived at the source")

// archived are the shards of one class that must be restored.
type archived struct {
	class  string
	first  string // path
	shards int64
	bytes  int64
}

// Readable tells whether everything that the plan reads can be read. The error is [ErrArchived], and says what restoring costs.
func (p *Plan) Readable(b *cost.Book) error {
	var list []*archived
	for i := range p.Items {
		it := &p.Items[i]
		reads := it.Way == Full || it.Way == Assemble || it.Way == Pull || it.LearnFirst
		if !reads || it.Origin != nil || it.StorageClass == "" {
			continue
		}
		if _, rehydration := b.Retrieval(p.Route.SourcePrices, it.StorageClass, 0); !rehydration {
			continue
		}
		at := slices.IndexFunc(list, func(a *archived) bool { return a.class == it.StorageClass })
		if at < 0 {
			at, list = len(list), append(list, &archived{class: it.StorageClass, first: it.Path})
		}
		list[at].shards++
		list[at].bytes += it.Size
	}
	var errs []error
	for _, a := range list {
		errs = append(errs, fmt.Errorf("%w: %d shards of %s, %d bytes, %q the first of them, are in storage class %s; restore them (%s), and run this again "+
			"when the store shows them in a class that can be read. Nothing was read", ErrArchived, a.shards, p.Dataset, a.bytes, a.first, a.class,
			a.restoring(b, p.Route.SourcePrices)))
	}
	return errors.Join(errs...)
}

// restoring says what there is to choose from.
func (a *archived) restoring(b *cost.Book, provider string) string {
	var ways []string
	for _, r := range b.Restores(provider, a.class) {
		price := fmt.Sprintf("%s for %s", r.Speed, r.Price(a.bytes, a.shards))
		if !r.Verified {
			price += ", a price that no source proves"
		}
		ways = append(ways, price)
	}
	if len(ways) == 0 {
		return "the price book does not know for how much"
	}
	return strings.Join(ways, ", or ")
}
