package bill

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/manifest"
)

const gib = int64(1) << 30

// later is when the export of September 2026 is whole.
var later = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

var toAWS = Link{From: "azure:eastus", To: "aws:us-east-1", Source: "training", Dest: "aws"}

// use is what the ledger has for a link, in GiB and cents.
func use(l Link, size, cents int64) LinkUse {
	return LinkUse{
		Link: l, Bytes: size * gib, NanoUSD: cost.NanoUSD(cents) * cost.USD / 100,
		First: manifest.At(month("2026-09").AddDate(0, 0, 9)), Last: manifest.At(month("2026-09").AddDate(0, 0, 19)),
	}
}

func metered(uses ...LinkUse) Metered {
	out := Metered{}
	for _, u := range uses {
		m, ok := MeterOfHop(u.From, u.To)
		if !ok {
			panic(u)
		}
		at := MonthMeter{"2026-09", m}
		out[at] = append(out[at], u)
	}
	return out
}

func compare(t testing.TB, ours Metered, now time.Time, charges ...charge) *Report {
	t.Helper()
	tally := NewTally([]string{"exampleaccount"})
	if err := tally.Read("bill.csv", strings.NewReader(csvOf(charges...))); err != nil {
		t.Fatal(err)
	}
	return Compare(tally, ours, now)
}

const account = "/subscriptions/1/resourceGroups/ml/providers/Microsoft.Storage/storageAccounts/ExampleAccount"

// billed is a charge of Azure's zone 1 meter for so many GiB and USD.
func billed(quantity, usd string, changes charge) charge {
	c := egress("2026-09", changes)
	c["ConsumedQuantity"], c["BilledCost"] = quantity, usd
	return c
}

func dollars(s string) cost.NanoUSD {
	n, err := cost.ParseUSD(s)
	if err != nil {
		panic(err)
	}
	return n
}

func TestCompare(t *testing.T) {
	ours := use(toAWS, 100, 870)
	open := time.Date(2026, 9, 25, 0, 0, 0, 0, time.UTC)
	type want struct {
		basis          Basis
		billedGiB      int64
		billedUSD      string
		oursOfBillGiB  int64
		oursOfBillUSD  string
		theirs, notBil int64 // unexplained, GiB
		state          string
		why            string
		bytesFactor    string
		usdFactor      string
		noFactor       string
	}
	for name, c := range map[string]struct {
		ours    Metered
		charges []charge
		now     time.Time
		want    want
	}{
		"the same traffic": {
			metered(ours), []charge{billed("102", "8.874", nil)}, later,
			want{BasisMeter, 102, "8.874", 102, "8.874", 0, 0, "billed", "", "1.0200", "1.0200", ""},
		},
		"a pair of opposite rows counts as nothing": {
			metered(ours), []charge{billed("98", "8.526", nil), billed("7", "0.609", nil), billed("-7", "-0.609", nil)}, later,
			want{BasisMeter, 98, "8.526", 98, "8.526", 0, 0, "billed", "", "0.9800", "0.9800", ""},
		},
		"others on the same meter: ours at its mean price": {
			metered(ours), []charge{billed("400", "30", nil)}, later,
			want{BasisMeter, 400, "30", 100, "7.5", 300, 0, "billed", "other people's use of the same meter", "", "0.8621", "others use the meter"},
		},
		"rows of our account alone": {
			metered(ours), []charge{billed("400", "30", nil), billed("101", "9", charge{"ResourceId": account})}, later,
			want{BasisResource, 101, "9", 101, "9", 0, 0, "billed", "", "1.0100", "1.0345", ""},
		},
		"rows of our account that are not what left": {
			metered(ours), []charge{billed("400", "40", nil), billed("2", "0.2", charge{"ResourceId": account})}, later,
			want{BasisMeter, 402, "40.2", 100, "10", 302, 0, "billed", "other people's", "", "1.1494", "others use the meter"},
		},
		"readers of our account beside us": {
			metered(ours), []charge{billed("150", "12", charge{"ResourceId": account})}, later,
			want{BasisResource, 150, "12", 100, "8", 50, 0, "billed", "others read from the same stores", "", "0.9195", "others use the meter"},
		},
		"the month is not over": {
			metered(ours), []charge{billed("60", "5", nil)}, open,
			want{BasisMeter, 60, "5", 60, "5", 0, 40, "billed", "exports lag one to three days", "", "", "is not whole yet"},
		},
		"the bill has less": {
			metered(ours), []charge{billed("60", "5", nil)}, later,
			want{BasisMeter, 60, "5", 60, "5", 0, 40, "billed", "the bill of the month has less", "0.6000", "0.5747", ""},
		},
		"the bill has nothing of the meter": {
			metered(ours), []charge{billed("60", "5", charge{"RegionId": "westus"})}, later,
			want{BasisNone, 0, "0", 0, "0", 0, 100, "metered", "the bill has no row of this meter", "", "", ""},
		},
		"an export from the middle of the month": {
			metered(ours), []charge{billed("60", "5", charge{"ChargePeriodStart": "2026-09-17", "ChargePeriodEnd": "2026-09-18"})}, later,
			want{BasisMeter, 60, "5", 60, "5", 0, 40, "billed", "the bill ends before the month does (2026-09-18", "", "", "is not whole yet"},
		},
		"charges of a whole month": {
			metered(ours), []charge{billed("100", "8.7", charge{"ChargePeriodStart": "2026-09-01", "ChargePeriodEnd": "2026-10-01"})}, later,
			want{BasisMeter, 100, "8.7", 100, "8.7", 0, 0, "billed", "", "1.0000", "1.0000", ""},
		},
		"invoiced, and nothing used in the last days": {
			metered(ours), []charge{billed("100", "8.7", charge{"InvoiceId": "E1", "ChargePeriodStart": "2026-09-17", "ChargePeriodEnd": "2026-09-18"})}, later,
			want{BasisMeter, 100, "8.7", 100, "8.7", 0, 0, "invoiced", "", "1.0000", "1.0000", ""},
		},
		"little data": {
			metered(use(toAWS, 9, 78)), []charge{billed("9", "0.78", nil)}, later,
			want{BasisMeter, 9, "0.78", 9, "0.78", 0, 0, "billed", "", "", "", "less than 10 GiB"},
		},
		"nothing of ours": {
			nil, []charge{billed("60", "5", nil)}, later,
			want{BasisMeter, 60, "5", 0, "0", 60, 0, "billed", "nothing of this was metered here", "", "", ""},
		},
		"invoiced": {
			metered(ours), []charge{billed("50", "4.35", charge{"InvoiceId": "E1"}), billed("50", "4.35", charge{"InvoiceId": "E1"})}, later,
			want{BasisMeter, 100, "8.7", 100, "8.7", 0, 0, "invoiced", "", "1.0000", "1.0000", ""},
		},
		"not all on an invoice": {
			metered(ours), []charge{billed("50", "4.35", charge{"InvoiceId": "E1"}), billed("50", "4.35", nil)}, later,
			want{BasisMeter, 100, "8.7", 100, "8.7", 0, 0, "billed", "", "1.0000", "1.0000", ""},
		},
		"an invoice number in an open month is a draft": {
			metered(ours), []charge{billed("100", "8.7", charge{"InvoiceId": "E1"})}, open,
			want{BasisMeter, 100, "8.7", 100, "8.7", 0, 0, "billed", "", "", "", "is not whole yet"},
		},
		"tax counts for nothing": {
			metered(ours), []charge{billed("100", "8.7", nil), billed("100", "1.9", charge{"ChargeCategory": "Tax"})}, later,
			want{BasisMeter, 100, "8.7", 100, "8.7", 0, 0, "billed", "", "1.0000", "1.0000", ""},
		},
		"a correction of an earlier period belongs to its month": {
			metered(ours), []charge{billed("100", "8.7", nil), billed("-2", "-0.2", charge{
				"ChargeClass": "Correction", "BillingPeriodStart": "2026-10-01", "BillingPeriodEnd": "2026-11-01",
			})}, later,
			want{BasisMeter, 98, "8.5", 98, "8.5", 0, 0, "billed", "rows that correct periods invoiced before: 1", "0.9800", "0.9770", ""},
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := compare(t, c.ours, c.now, c.charges...)
			var got *Comparison
			for i := range r.Comparisons {
				if r.Comparisons[i].Name == "azure:eastus internet" {
					got = &r.Comparisons[i]
				}
			}
			if got == nil {
				t.Fatalf("not in %+v", r.Comparisons)
			}
			w := c.want
			if got.Basis != w.basis || got.BilledBytes != w.billedGiB*gib || got.BilledUSD != dollars(w.billedUSD) || got.State != w.state {
				t.Errorf("%s, %d bytes, %s, %s", got.Basis, got.BilledBytes, got.BilledUSD, got.State)
			}
			if got.OursOfBillBytes != w.oursOfBillGiB*gib || got.OursOfBillUSD != dollars(w.oursOfBillUSD) {
				t.Errorf("of the bill %d bytes and %s are ours", got.OursOfBillBytes, got.OursOfBillUSD.Decimal())
			}
			if got.UnexplainedTheirsBytes != w.theirs*gib || got.UnexplainedOursBytes != w.notBil*gib {
				t.Errorf("unexplained: %d of theirs, %d of ours", got.UnexplainedTheirsBytes, got.UnexplainedOursBytes)
			}
			if got.DifferenceBytes != got.BilledBytes-got.OursBytes || got.DifferenceUSD != got.BilledUSD-got.OursUSD {
				t.Errorf("difference %d and %s", got.DifferenceBytes, got.DifferenceUSD)
			}
			if why := strings.Join(got.Why, "; "); !strings.Contains(why, w.why) || w.why == "" && why != "" {
				t.Errorf("why: %q", why)
			}
			if factor(got.BytesFactor) != w.bytesFactor || factor(got.USDFactor) != w.usdFactor {
				t.Errorf("factors %q and %q", factor(got.BytesFactor), factor(got.USDFactor))
			}
			if !strings.Contains(got.NoFactor, w.noFactor) || w.noFactor == "" && got.NoFactor != "" {
				t.Errorf("no factor: %q", got.NoFactor)
			}
		})
	}
}

func factor(f *Factor) string {
	if f == nil {
		return ""
	}
	return f.String()
}

// TestCreditsFindTheirMeter by the SKU, also where they come before the rows that tell what it is of.
func TestCreditsFindTheirMeter(t *testing.T) {
	credit := func(usd, sku string) charge {
		return billed("", usd, charge{"ChargeCategory": "Credit", "SkuId": sku, "ConsumedUnit": "", "ChargeDescription": "at-cost transfer for the EU"})
	}
	r := compare(t, metered(use(toAWS, 100, 870)), later,
		credit("-2.5", "1010107"), credit("-1", "other"), credit("-4", "NULL"), billed("200", "17.4", nil))
	c := r.Comparisons[0]
	if c.CreditsUSD != dollars("-2.5") || c.OursOfBillCreditsUSD != dollars("-1.25") || r.UnmatchedCreditsUSD != dollars("-5") {
		t.Errorf("credits %s, ours of them %s, unmatched %s", c.CreditsUSD, c.OursOfBillCreditsUSD, r.UnmatchedCreditsUSD)
	}
	if c.BilledUSD != dollars("17.4") {
		t.Errorf("billed %s: a credit is not what was billed for use", c.BilledUSD)
	}
}

// TestSeveralMeters: inter-region meters of AWS are told apart by where the bytes go, Google's count all regions together.
func TestSeveralMeters(t *testing.T) {
	ireland := Link{From: "aws:us-west-2", To: "aws:eu-west-1", Source: "s3", Dest: "eu"}
	google := Link{From: "gcp:us-central1", To: "azure:eastus", Source: "gcs", Dest: "azure"}
	early := use(google, 50, 600)
	early.First = manifest.At(month("2026-09").Add(time.Hour))
	r := compare(t, metered(use(ireland, 30, 60), early), later,
		billed("31", "0.62", charge{"ProviderName": "AWS", "RegionId": "us-west-2", "x_UsageType": "USW2-EUW1-AWS-Out-Bytes", "ChargeDescription": "x"}),
		billed("7", "0.14", charge{"ProviderName": "AWS", "RegionId": "us-west-2", "x_UsageType": "USW2-USE1-AWS-Out-Bytes", "ChargeDescription": "x"}),
		billed("20", "2.4", charge{"ProviderName": "Google Cloud", "RegionId": "us-central1", "SkuId": "22EB-AAE8-FBCD", "ConsumedUnit": "gibibyte"}),
		billed("32212254720", "3.6", charge{"ProviderName": "Google Cloud", "RegionId": "us-east1", "SkuId": "22EB-AAE8-FBCD", "ConsumedUnit": "bytes"}),
	)
	got := map[string]Comparison{}
	for _, c := range r.Comparisons {
		got[c.Name] = c
	}
	if c := got["aws:us-west-2 inter-region to eu-west-1"]; c.OursBytes != 30*gib || c.BilledBytes != 31*gib {
		t.Errorf("%+v", c)
	}
	if c := got["aws:us-west-2 inter-region to us-east-1"]; c.OursBytes != 0 || c.BilledBytes != 7*gib {
		t.Errorf("%+v", c)
	}
	c := got["gcp internet"]
	if c.OursBytes != 50*gib || c.BilledBytes != 50*gib || c.BilledUSD != dollars("6") || !strings.Contains(strings.Join(c.Why, ""), "US Pacific") {
		t.Errorf("%+v", c)
	}
	if len(r.Comparisons) != 3 {
		t.Errorf("%d comparisons", len(r.Comparisons))
	}
}

// TestSplit: the pieces add up to the whole and lie within one of their share.
func TestSplit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		total := rapid.Int64Range(-1<<60, 1<<60).Draw(t, "total")
		weights := rapid.SliceOfN(rapid.Int64Range(0, 1<<50), 1, 20).Draw(t, "weights")
		var whole, sum int64
		for _, w := range weights {
			whole += w
		}
		pieces := split(total, weights)
		for i, p := range pieces {
			sum += p
			if whole == 0 {
				continue
			}
			if want := share(total, weights[i], whole); p < want-1 || p > want+1 {
				t.Errorf("piece %d is %d, want about %d", i, p, want)
			}
		}
		if sum != total {
			t.Errorf("the pieces are %d together, want %d", sum, total)
		}
	})
}
