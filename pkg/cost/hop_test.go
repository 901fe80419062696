package cost

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRequests(t *testing.T) {
	for _, c := range []struct {
		provider string
		op       Op
		n        int64
		want     string
	}{
		{"azure", OpWrite, 10_000, "0.05"},
		{"azure", OpList, 10_000, "0.05"},
		{"azure", OpRead, 10_000, "0.004"},
		{"aws", OpWrite, 1_000, "0.005"},
		{"aws", OpList, 1_000, "0.005"},
		{"aws", OpRead, 1_000, "0.0004"},
		{"gcp", OpWrite, 1_000, "0.005"},
		{"gcp", OpList, 1_000, "0.005"},
		{"gcp", OpRead, 1_000, "0.0004"},
		// 100 million shards from Azure to S3, before a byte of egress.
		{"azure", OpRead, 100_000_000, "40"},
		{"aws", OpWrite, 100_000_000, "500"},
		{"aws", OpWrite, 1, "0.000005"},
		{"aws", OpWrite, 0, "0"},
		{"aws", OpWrite, -5, "0"},
		{"", OpWrite, 1_000_000, "0"},
		{"onprem", OpWrite, 1_000_000, "0"},
		{"ovh", OpWrite, 1_000_000, "0"},
	} {
		if got := Default().Requests(c.provider, c.op, c.n).Decimal(); got != c.want {
			t.Errorf("%d %s requests of %q: %s, want %s", c.n, c.op, c.provider, got, c.want)
		}
	}
}

func TestRetrieval(t *testing.T) {
	for _, c := range []struct {
		provider, class string
		want            string // of 10 GiB
		rehydration     bool
	}{
		{"azure", "", "0", false},
		{"azure", "Hot", "0", false},
		{"azure", "Cool", "0.1", false},
		{"azure", "Cold", "0.3", false},
		{"azure", "Archive", "0.2", true},
		{"aws", "STANDARD", "0", false},
		{"aws", "STANDARD_IA", "0.1", false},
		{"aws", "GLACIER_IR", "0.3", false},
		{"aws", "GLACIER", "0.1", true},
		{"aws", "DEEP_ARCHIVE", "0.2", true},
		{"gcp", "STANDARD", "0", false},
		{"gcp", "NEARLINE", "0.1", false},
		{"gcp", "coldline", "0.2", false},
		{"gcp", "ARCHIVE", "0.5", false},
		{"gcp", "GLACIAL", "0.5", false}, // not known: as the dearest
		{"onprem", "GLACIER", "0", false},
		{"", "GLACIER", "0", false},
	} {
		got, rehydration := Default().Retrieval(c.provider, c.class, 10*GiB)
		if got.Decimal() != c.want || rehydration != c.rehydration {
			t.Errorf("%s %s: %s, rehydration %t; want %s, %t", c.provider, c.class, got.Decimal(), rehydration, c.want, c.rehydration)
		}
	}
}

func TestPriceHop(t *testing.T) {
	mtd := 100 * GiB
	for _, c := range []struct {
		name string
		h    Hop
		mtd  *int64
		want Line
	}{
		{
			name: "Azure to S3",
			h: Hop{
				From: at(t, "azure:eastus"), To: at(t, "aws:us-east-1"), Bytes: 10 * GiB,
				SourcePrices: "azure", SourceRequests: map[Op]int64{OpRead: 1_000, OpList: 1},
				DestinationPrices: "aws", DestinationRequests: map[Op]int64{OpWrite: 162},
			},
			mtd: &mtd,
			want: Line{
				RateID: "azure.zone-1.internet.mgn", BookVersion: "2026-11-26", Class: Internet, Pool: "azure.zone-1.mgn", Bytes: 10 * GiB,
				TransferNanoUSD: 870_000_000, RequestsNanoUSD: 400_000 + 5_000 + 810_000, TotalNanoUSD: 871_215_000,
				Verified: true, TransferRateAsOf: "2026-09-24",
			},
		},
		{
			name: "month-to-date not known",
			h:    Hop{From: at(t, "azure:eastus"), To: at(t, "onprem:lab1"), Bytes: GiB},
			want: Line{
				RateID: "azure.zone-1.internet.mgn", BookVersion: "2026-11-26", Class: Internet, Pool: "azure.zone-1.mgn", Bytes: GiB,
				TransferNanoUSD: 87_000_000, TotalNanoUSD: 87_000_000, Verified: true, UpperBound: true, TransferRateAsOf: "2026-09-24",
			},
		},
		{
			name: "a flat price is exact without a month-to-date",
			h:    Hop{From: at(t, "aws:us-east-1"), To: at(t, "aws:us-west-2"), Bytes: GiB},
			want: Line{
				RateID: "aws.inter-region.us-east-1", BookVersion: "2026-11-26", Class: InterRegionSameContinent, Pool: "aws.inter-region.us-east-1", Bytes: GiB,
				TransferNanoUSD: 20_000_000, TotalNanoUSD: 20_000_000, Verified: true, TransferRateAsOf: "2023-12",
			},
		},
		{
			name: "in the region, out of the archive",
			h: Hop{
				From: at(t, "azure:eastus"), To: at(t, "azure:eastus"), Bytes: 10 * GiB,
				SourcePrices: "azure", SourceRequests: map[Op]int64{OpRead: 10}, StorageClass: "Archive", RetrievalBytes: 10 * GiB,
			},
			want: Line{
				RateID: "free", BookVersion: "2026-11-26", Class: SamePlace, Bytes: 10 * GiB,
				RequestsNanoUSD: 5_000_000, RetrievalNanoUSD: 200_000_000, TotalNanoUSD: 205_000_000, NeedsRehydration: true,
			},
		},
		{
			name: "a price that is not verified",
			h:    Hop{From: at(t, "azure:eastus"), To: at(t, "azure:westeurope"), Bytes: GiB},
			want: Line{
				RateID: "azure.inter-region.other-continent.north-america", BookVersion: "2026-11-26", Class: InterRegionOtherContinent,
				Pool: "azure.inter-region.other-continent.north-america", Bytes: GiB,
				TransferNanoUSD: 50_000_000, TotalNanoUSD: 50_000_000, TransferRateAsOf: "2023",
			},
		},
		{
			name: "requests whose price is not verified",
			h: Hop{
				From: at(t, "azure:eastus"), To: at(t, "azure:eastus"), Bytes: GiB,
				SourcePrices: "azure", SourceRequests: map[Op]int64{OpRead: 10}, StorageClass: "Cool",
			},
			want: Line{RateID: "free", BookVersion: "2026-11-26", Class: SamePlace, Bytes: GiB, RequestsNanoUSD: 10_000, TotalNanoUSD: 10_000},
		},
		{
			name: "a free hop is exactly nothing",
			h:    Hop{From: at(t, "onprem:lab1"), To: at(t, "aws:us-east-1"), Bytes: 1 << 60},
			want: Line{RateID: "free", BookVersion: "2026-11-26", Class: OnpremOut, Bytes: 1 << 60, Verified: true},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Default().PriceHop(c.h, c.mtd, RouteOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if got.Explanation == "" {
				t.Error("no explanation")
			}
			got.Explanation = ""
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestPriceHopExplains(t *testing.T) {
	h := Hop{
		From: at(t, "gcp:us-east4"), To: at(t, "gcp:us-central1"), Bytes: GiB,
		SourcePrices: "gcp", SourceRequests: map[Op]int64{OpRead: 1}, StorageClass: "NEARLINE", RetrievalBytes: GiB,
	}
	l, err := Default().PriceHop(h, nil, RouteOptions{})
	if err != nil {
		t.Fatal(err)
	}
	want := "gcp:us-east4 to gcp:us-central1 goes to another region of the continent: $0.02 per GiB (contract price sheet in public code, as of 2025). Requests add $0.0000004. Reading storage class NEARLINE adds $0.01."
	if l.Explanation != want {
		t.Errorf("got  %s\nwant %s", l.Explanation, want)
	}
	h.To = at(t, "azure:eastus")
	h.StorageClass = "GLACIER"
	h.SourcePrices = "aws" // an S3 store behind a Google address
	l, err = Default().PriceHop(h, nil, RouteOptions{})
	if err != nil {
		t.Fatal(err)
	}
	want = "gcp:us-east4 to azure:eastus crosses the internet: $0.12 per GiB to 10240 GiB a month, then $0.11 per GiB to 153600 GiB a month, then $0.08 per GiB above (price catalogue and page of 2026-09-20 via public captures, as of 2026-09-24). What gcp.internet.worldwide has counted this month is not known, so every byte is priced at the dearest tier: an upper bound. Requests add $0.0000004. Reading storage class GLACIER adds $0.01. Objects in GLACIER must be rehydrated (restored) before they can be read."
	if l.Explanation != want {
		t.Errorf("got  %s\nwant %s", l.Explanation, want)
	}
}

func TestLineInJSON(t *testing.T) {
	h := Hop{From: at(t, "aws:us-east-1"), To: at(t, "aws:us-west-2"), Bytes: GiB}
	l, err := Default().PriceHop(h, nil, RouteOptions{})
	if err != nil {
		t.Fatal(err)
	}
	l.Explanation = "e"
	got, err := json.Marshal(l)
	want := `{"rate_id":"aws.inter-region.us-east-1","book_version":"2026-11-26","class":"inter-region-same-continent","pool":"aws.inter-region.us-east-1","bytes":1073741824,"transfer_usd":0.02,"requests_usd":0,"retrieval_usd":0,"total_usd":0.02,"verified":true,"as_of":"2023-12","explanation":"e"}`
	if err != nil || string(got) != want {
		t.Errorf("%v\ngot  %s\nwant %s", err, got, want)
	}
}
