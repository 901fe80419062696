package plan

import (
	"slices"

	"github.com/datagravity/datagravity/pkg/cost"
)

// reserved is what is set aside for hops, by link, as budgets name them.
type reserved []linkUse

// linkUse is what is reserved over one link, and at which prices.
type linkUse struct {
	link  cost.Link
	usd   cost.NanoUSD
	bytes int64
	rates []cost.Rate
}

// add sets aside what a hop can come to when its pool stands at a count (nil: not known), and returns that. Of a hop inside one place,
// which is not billed for its bytes, it sets aside what reading a cool class costs, with the requests, and no bytes.
func (r *reserved) add(b *cost.Book, h *traffic, at *int64) (most cost.NanoUSD) {
	upper := h.upper()
	most = b.HopPrice(upper, h.rate, at)
	if h.inPlace() {
		if retrieval, _ := b.Retrieval(h.SourcePrices, h.StorageClass, h.RetrievalBytes); retrieval == 0 {
			return most
		}
		upper.Bytes = 0
	}
	i := slices.IndexFunc(*r, func(u linkUse) bool { return u.link == h.link })
	if i < 0 {
		i, *r = len(*r), append(*r, linkUse{link: h.link})
	}
	u := &(*r)[i]
	u.usd, u.bytes, u.rates = cost.AddNanoUSD(u.usd, most), u.bytes+upper.Bytes, append(u.rates, h.rate)
	return most
}
