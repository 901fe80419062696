package bill

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/datagravity/datagravity/pkg/cost"
)

var sampleName = filepath.Join("testdata", "focus_sample_1.0.csv.gz")

func sample(t testing.TB) []byte {
	t.Helper()
	b, err := os.ReadFile(sampleName)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// samplePlain is the sample as text.
func samplePlain(t testing.TB) []byte {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(sample(t)))
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func readAll(t testing.TB, name string, in io.Reader) (rows []Row) {
	t.Helper()
	r, err := NewReader(name, in)
	if err != nil {
		t.Fatal(err)
	}
	for {
		row, err := r.Next()
		if errors.Is(err, io.EOF) {
			return rows
		}
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, row)
	}
}

// offWhole is how far a number is from the nearest whole one, in billionths.
func offWhole(d Decimal) int64 {
	if d.Negative() {
		d = d.Neg()
	}
	d.divide(pow10[18])
	d.divide(pow10[9])
	rest := int64(d.divide(pow10[9]))
	return min(rest, 1_000_000_000-rest)
}

// TestSampleTransfers reads the 548 transfer rows of the public sample: each is whole bytes at 2^30 to a GB, to the precision that is
// printed. AWS prints ten decimals, so that half of the last is 0.0537 bytes; at 10^9 to a GB one row in nine would be whole.
func TestSampleTransfers(t *testing.T) {
	const printed = 53_700_000 // billionths of a byte
	transfers, wholeDecimal := 0, 0
	for _, row := range readAll(t, sampleName, bytes.NewReader(sample(t))) {
		if row.Unit != "GB" || !strings.Contains(strings.ToLower(row.Description), "transfer") {
			continue
		}
		transfers++
		exact, ok := row.Bytes()
		if !ok || exact.isZero() {
			t.Fatalf("row %d: %v %v", row.Number, exact, ok)
		}
		if off := offWhole(exact); off > printed {
			t.Errorf("row %d: %s GB is %d billionths of a byte from whole", row.Number, row.Description, off)
		}
		if offWhole(row.Quantity.Times(1e9)) <= printed {
			wholeDecimal++
		}
		if kind := Classify(row).Kind; kind == Other || kind == Requests || kind == Retrieval {
			t.Errorf("row %d, %q, is %s", row.Number, row.Description, kind)
		}
	}
	if transfers != 548 || wholeDecimal > 548/4 {
		t.Errorf("%d transfer rows, want 548; %d would be whole at 10^9", transfers, wholeDecimal)
	}
}

func TestSampleRows(t *testing.T) {
	rows := readAll(t, "plain", bytes.NewReader(samplePlain(t)))
	if len(rows) != 1000 {
		t.Fatalf("%d rows", len(rows))
	}
	var negative, credits, adjustments, oracle int
	var total Decimal
	for _, r := range rows {
		total = total.Add(r.Cost)
		if r.Cost.Negative() && r.Category == "Usage" {
			negative++
			if r.Class != "" {
				t.Errorf("row %d has class %q", r.Number, r.Class)
			}
		}
		switch {
		case r.Category == CategoryCredit:
			credits++
			if !r.Quantity.isZero() || r.Cost.NanoUSD() != -2_613_700_000 {
				t.Errorf("the credit has quantity %v and cost %s", r.Quantity, r.Cost.NanoUSD())
			}
		case r.Category == "Adjustment":
			adjustments++
		}
		if r.Provider == "oracle" && r.Sku == "B88327" {
			oracle++
			if m := Classify(r); m.Kind != Internet {
				t.Errorf("Oracle's egress is %s", m)
			}
			if _, ok := r.Bytes(); !ok {
				t.Error("Oracle's egress has no bytes")
			}
		}
	}
	// The sum was computed with Python's decimal module over the column BilledCost.
	if want := cost.NanoUSD(20_520_226_729); total.NanoUSD() != want {
		t.Errorf("billed %s, want %s", total.NanoUSD().Decimal(), want.Decimal())
	}
	if negative != 12 || credits != 1 || adjustments != 2 || oracle != 1 {
		t.Errorf("%d negative rows, %d credits, %d adjustments, %d of Oracle's egress", negative, credits, adjustments, oracle)
	}
}

// TestSampleTally compares the sums of the meters with those that Python's decimal module has for the same rows.
func TestSampleTally(t *testing.T) {
	tally := NewTally(nil)
	if err := tally.Read(sampleName, bytes.NewReader(sample(t))); err != nil {
		t.Fatal(err)
	}
	r := Compare(tally, nil, month("2024-11"))
	got := map[string]Comparison{}
	for _, c := range r.Comparisons {
		got[c.Name] = c
	}
	for name, want := range map[string]struct {
		bytes int64
		usd   cost.NanoUSD
	}{
		"aws:us-west-2 internet":                   {799_472_114, 66_994_260},
		"aws:us-west-2 inter-region to eu-west-1":  {594, 11},
		"aws:us-west-2 inter-region to us-east-1":  {251_615_262, 4_686_700},
		"aws:af-south-1 inter-region to us-east-1": {160, 22},
		"azure:eastus internet":                    {4_569, 370},
		"azure:eastus2 internet":                   {0, 0},
		"azure:eastus2 inter-region":               {-54, -1},
	} {
		if c := got[name]; c.MeterBytes != want.bytes || c.MeterUSD != want.usd {
			t.Errorf("%s: %d bytes and %s, want %d and %s", name, c.MeterBytes, c.MeterUSD.Decimal(), want.bytes, want.usd.Decimal())
		}
	}
	if r.Rows != 1000 || r.RowsByKind[Other]+r.RowsByKind[Inbound]+r.TransferRows >= 1000 {
		t.Errorf("%d rows, %v", r.Rows, r.RowsByKind)
	}
	// Two rows of Bahrain do not say what they count.
	if r.UnknownRows == 0 || r.UnmatchedCreditsUSD != -2_613_700_000 {
		t.Errorf("%d unknown rows, unmatched credits %s", r.UnknownRows, r.UnmatchedCreditsUSD.Decimal())
	}
}
