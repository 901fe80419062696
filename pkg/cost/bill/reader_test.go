package bill

import (
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"errors"
	"io"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// month is the first moment of one, in UTC.
func month(s string) time.Time {
	t, err := time.Parse("2006-01", s)
	if err != nil {
		panic(err)
	}
	return t
}

// charge is a row of a bill of tests, by column.
type charge map[string]string

// egress is a charge of Azure's zone 1 meter.
func egress(m string, changes charge) charge {
	start := month(m)
	c := charge{
		"BilledCost": "0.087", "BillingCurrency": "USD", "BillingPeriodStart": start.Format(time.RFC3339),
		"BillingPeriodEnd": start.AddDate(0, 1, 0).Format(time.RFC3339), "ChargeCategory": "Usage", "ChargeClass": "NULL",
		"ChargeDescription": "Rtn Preference: MGN - Standard Data Transfer Out", "ChargePeriodStart": start.AddDate(0, 1, -1).Format(time.RFC3339),
		"ChargePeriodEnd": start.AddDate(0, 1, 0).Format(time.RFC3339), "ConsumedQuantity": "1", "ConsumedUnit": "GB", "ProviderName": "Microsoft",
		"RegionId": "eastus", "SkuId": "1010107", "SkuPriceId": "1010107", "ServiceName": "Azure Machine Learning", "ResourceId": "NULL",
	}
	for k, v := range changes {
		c[k] = v
	}
	return c
}

var testColumns = []string{
	"Id", "BilledCost", "BillingCurrency", "BillingPeriodStart", "BillingPeriodEnd", "ChargeCategory", "ChargeClass", "ChargeDescription", "ChargePeriodStart",
	"ChargePeriodEnd", "ConsumedQuantity", "ConsumedUnit", "PricingQuantity", "PricingUnit", "ProviderName", "RegionId", "ResourceId", "ServiceName",
	"SkuId", "SkuPriceId", "InvoiceId", "x_UsageType", "EffectiveCost", "Tags",
}

// csvOf writes charges as a bill.
func csvOf(charges ...charge) string { return csvWith(testColumns, charges...) }

func csvWith(columns []string, charges ...charge) string {
	var b strings.Builder
	w := csv.NewWriter(&b)
	_ = w.Write(columns)
	for _, c := range charges {
		row := make([]string, len(columns))
		for i, name := range columns {
			row[i] = c[name]
		}
		_ = w.Write(row)
	}
	w.Flush()
	return b.String()
}

func zipped(s string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = io.WriteString(z, s)
	_ = z.Close()
	return b.String()
}

// TestBadBills: each is an error that names the row and the column, and the tally is given up.
func TestBadBills(t *testing.T) {
	good := egress("2026-09", nil)
	with := func(column, value string) string { return csvOf(good, egress("2026-09", charge{column: value})) }
	text := csvOf(good, good)
	var noCost []string
	for _, c := range testColumns {
		if c != "BilledCost" && c != "SkuId" {
			noCost = append(noCost, c)
		}
	}
	for name, c := range map[string]struct{ bill, want string }{
		"empty":            {"", "is empty"},
		"no bill":          {"a,b\n1,2\n", "no column BilledCost, BillingCurrency"},
		"columns missing":  {csvWith(noCost, good), "the first line has no column BilledCost, SkuId"},
		"a column twice":   {csvWith(append([]string{"BilledCost"}, testColumns...), good), "column BilledCost is there twice"},
		"currency":         {with("BillingCurrency", "EUR"), `row 2 (line 3), column BillingCurrency: the bill is in "EUR"`},
		"no currency":      {with("BillingCurrency", "NULL"), `column BillingCurrency`},
		"no cost":          {with("BilledCost", ""), `row 2 (line 3), column BilledCost: "" is not a decimal number`},
		"cost":             {with("BilledCost", "1,50"), `row 2 (line 3), column BilledCost: "1,50"`},
		"quantity":         {with("ConsumedQuantity", "many"), `column ConsumedQuantity: "many"`},
		"unit":             {with("ConsumedUnit", "Hours"), `column ConsumedUnit: "Hours" is no unit of volume`},
		"category":         {with("ChargeCategory", "Refund"), `column ChargeCategory: "Refund"`},
		"time":             {with("ChargePeriodStart", "18.09.2026"), `column ChargePeriodStart: "18.09.2026" is not a date`},
		"day":              {with("ChargePeriodStart", "2026-02-30"), `column ChargePeriodStart: "2026-02-30" is not a date`},
		"no period":        {with("BillingPeriodStart", "NULL"), `column BillingPeriodStart`},
		"a long name":      {with("SkuId", strings.Repeat("x", 300)), `row 2 (line 3), column SkuId: it has 300 bytes`},
		"backwards":        {with("ChargePeriodEnd", "2026-09-01"), `column ChargePeriodEnd: "2026-09-01" is before`},
		"no provider":      {with("ProviderName", ""), `column ProviderName: it is empty`},
		"cut in a row":     {text[:len(text)-40], "row 2 (line 3) does not have the 24 fields of the header"},
		"cut in quotes":    {csvOf(good) + `1,0.5,"US`, "ends within quotes at the end of the file"},
		"stray quote":      {csvOf(good) + "1,0.5,U\"SD\n", "row 2 (line 3)"},
		"more fields":      {csvOf(good) + strings.Repeat("a,", 40) + "a\n", "row 2 (line 3) does not have the 24 fields"},
		"cut gzip":         {zipped(text)[:200], "ends in the middle"},
		"gzip of a header": {"\x1f\x8b\x00", "begins like a gzip file"},
		"no line ends":     {csvOf(good) + `"` + strings.Repeat("x", 3*maxRowBytes), "row 2 has more than"},
		"line ends":        {csvOf(good) + `"` + strings.Repeat("x\n", 2*maxRowBytes), "row 2 has more than"},
		"cut in the last number": {
			strings.TrimSuffix(csvWith([]string{
				"BillingCurrency", "BillingPeriodStart", "BillingPeriodEnd", "ChargeCategory", "ChargeDescription", "ChargePeriodStart",
				"ChargePeriodEnd", "ConsumedQuantity", "ConsumedUnit", "ProviderName", "RegionId", "SkuId", "SkuPriceId", "BilledCost",
			}, good), "7\n"), "row 1 (line 2), column BilledCost: the file ends here",
		},
	} {
		t.Run(name, func(t *testing.T) {
			err := NewTally(nil).Read("b.csv", strings.NewReader(c.bill))
			if !errors.Is(err, ErrBill) || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "b.csv") {
				t.Errorf("%v\nwant %q", err, c.want)
			}
		})
	}
}

// TestTooManyMeters: memory is bounded by refusing a bill that no account can have.
func TestTooManyMeters(t *testing.T) {
	in, out := io.Pipe()
	go func() {
		one := csvOf(egress("2026-09", charge{"SkuId": "SKU"}))
		head, row, _ := strings.Cut(one, "\n")
		_, err := io.WriteString(out, head+"\n")
		for n := 0; n <= maxCells && err == nil; n++ {
			_, err = io.WriteString(out, strings.Replace(row, "SKU", strconv.Itoa(n), 1))
		}
		_ = out.CloseWithError(err)
	}()
	err := NewTally(nil).Read("b.csv", in)
	want := "row 100001 (line 100002), column SkuId: the bill has more than 100000 combinations"
	if !errors.Is(err, ErrBill) || !strings.Contains(err.Error(), want) {
		t.Errorf("%v", err)
	}
}

// TestTruncated cuts the sample everywhere: it is refused, or the cut is between two rows, or in a last field that is not read.
func TestTruncated(t *testing.T) {
	text := samplePlain(t)
	text = text[:6000]
	for n := range text {
		r, err := NewReader("cut", bytes.NewReader(text[:n]))
		rows := 0
		for err == nil {
			if _, err = r.Next(); err == nil {
				rows++
			}
		}
		if errors.Is(err, io.EOF) {
			if end := bytes.Count(text[:n], []byte("\n")); text[n-1] == '\n' && rows != end-1 {
				t.Errorf("%d bytes: %d rows of %d lines", n, rows, end)
			}
			continue
		}
		if !errors.Is(err, ErrBill) {
			t.Fatalf("%d bytes: %v", n, err)
		}
	}
}

// TestReaderTakes what exports differ in.
func TestReaderTakes(t *testing.T) {
	plain := csvOf(egress("2026-09", nil))
	for name, text := range map[string]string{
		"as it is":          plain,
		"byte order mark":   "\ufeff" + plain,
		"gzip":              zipped(plain),
		"two gzips":         zipped(plain[:100]) + zipped(plain[100:]),
		"CRLF":              strings.ReplaceAll(plain, "\n", "\r\n"),
		"no last line feed": strings.TrimSuffix(plain, "\n"),
		"lower case names":  strings.ToLower(plain[:strings.Index(plain, "\n")]) + plain[strings.Index(plain, "\n"):],
		"literal null":      csvOf(egress("2026-09", charge{"PricingQuantity": "NULL", "InvoiceId": "null", "Tags": "NULL"})),
		"other names": strings.NewReplacer("ProviderName", "ServiceProviderName", "InvoiceId", "x_InvoiceId").Replace(
			plain),
		"spaces in dates": csvOf(egress("2026-09", charge{
			"ChargePeriodStart": "2026-09-30 00:00:00", "ChargePeriodEnd": "2026-10-01 00:00:00", "BillingPeriodStart": "2026-09-01 00:00:00 UTC",
			"BillingPeriodEnd": "2026-10-01 00:00:00.000",
		})),
		"offsets": csvOf(egress("2026-09", charge{
			"ChargePeriodStart": "2026-09-30T02:00:00+02:00", "ChargePeriodEnd": "2026-09-30T17:00-0700", "BillingPeriodStart": "2026-09-01",
		})),
		"GiB":                csvOf(egress("2026-09", charge{"ConsumedUnit": "GiB"})),
		"bytes":              csvOf(egress("2026-09", charge{"ConsumedUnit": "Bytes", "ConsumedQuantity": "1073741824"})),
		"exponent":           csvOf(egress("2026-09", charge{"ConsumedUnit": "TB", "ConsumedQuantity": "9.765625E-4"})),
		"unit of ten":        csvOf(egress("2026-09", charge{"ConsumedUnit": "10 GB", "ConsumedQuantity": "0.1"})),
		"only pricing":       csvOf(egress("2026-09", charge{"ConsumedQuantity": "", "ConsumedUnit": "", "PricingQuantity": "1", "PricingUnit": "GB"})),
		"a correction":       csvOf(egress("2026-09", charge{"ChargeClass": "Correction"})),
		"effective cost":     csvOf(egress("2026-09", charge{"EffectiveCost": "0"})),
		"region in capitals": csvOf(egress("2026-09", charge{"RegionId": "EastUS"})),
	} {
		t.Run(name, func(t *testing.T) {
			rows := readAll(t, name, strings.NewReader(text))
			if len(rows) != 1 {
				t.Fatalf("%d rows", len(rows))
			}
			r := rows[0]
			bytes, ok := r.Bytes()
			if !ok || bytes.Round() != 1<<30 || r.Cost.NanoUSD() != 87_000_000 || r.Month() != "2026-09" || !r.Start.Equal(month("2026-10").AddDate(0, 0, -1)) || !r.End.Equal(month("2026-10")) {
				t.Errorf("%+v: %d bytes", r, bytes.Round())
			}
			if m := Classify(r); m.String() != "azure:eastus internet" {
				t.Errorf("it is %s", m)
			}
		})
	}
}

func TestUnits(t *testing.T) {
	for _, c := range []struct {
		provider, unit string
		want           int64
	}{
		{"aws", "GB", 1 << 30}, {"azure", "gb", 1 << 30}, {"gcp", "gibibyte", 1 << 30}, {"gcp", "GiBy", 1 << 30}, {"gcp", "bytes", 1},
		{"oracle", "GB Months", 1 << 30}, {"aws", "Gigabytes", 1 << 30}, {"azure", "100 GB", 100 << 30}, {"aws", "TB", 1 << 40}, {"aws", "B", 1},
		{"backblaze", "GB", 1e9}, {"backblaze", "GiB", 1 << 30}, {"aws", "Hours", 0}, {"aws", "", 0}, {"aws", "GB-Hours", 0}, {"aws", "s", 0},
		{"aws", "9999999 GB", 0}, {"aws", "999999 PB", 0},
	} {
		if got, ok := unitBytes(c.provider, c.unit); got != c.want || ok != (c.want > 0) {
			t.Errorf("%s %q is %d, %v; want %d", c.provider, c.unit, got, ok, c.want)
		}
	}
}

// TestSumsAreExact: the sums of a bill, however its rows fall on meters, files and signs, are those of fractions over the same texts.
func TestSumsAreExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		regions := []string{"eastus", "westus", "northeurope"}
		model := map[string][2]Decimal{}
		files := make([][]charge, rapid.IntRange(1, 3).Draw(t, "files"))
		for i := range files {
			for range rapid.IntRange(0, 30).Draw(t, "rows") {
				cost, quantity := number36().Draw(t, "cost"), number36().Draw(t, "quantity")
				region := rapid.SampledFrom(regions).Draw(t, "region")
				m := rapid.SampledFrom([]string{"2026-08", "2026-09"}).Draw(t, "month")
				unit := rapid.SampledFrom([]string{"GB", "GiB", "Bytes", "KB"}).Draw(t, "unit")
				files[i] = append(files[i], egress(m, charge{
					"BilledCost": cost, "ConsumedQuantity": quantity, "ConsumedUnit": unit, "RegionId": region, "SkuId": strconv.Itoa(rapid.IntRange(0, 3).Draw(t, "sku")),
					"ChargeClass": rapid.SampledFrom([]string{"", "NULL", "Correction"}).Draw(t, "class"),
				}))
				sums := model[m+region]
				per := map[string]int64{"GB": 1 << 30, "GiB": 1 << 30, "Bytes": 1, "KB": 1 << 10}[unit]
				c, _ := ParseDecimal(cost)
				q, _ := ParseDecimal(quantity)
				model[m+region] = [2]Decimal{sums[0].Add(q.Times(per)), sums[1].Add(c)}
			}
		}
		tally := NewTally(nil)
		for i, rows := range files {
			if err := tally.Read(strconv.Itoa(i), strings.NewReader(csvOf(rows...))); err != nil {
				t.Fatal(err)
			}
		}
		for _, c := range Compare(tally, nil, month("2026-12")).Comparisons {
			want := model[c.Month+c.Region]
			delete(model, c.Month+c.Region)
			if c.MeterBytes != want[0].Round() || c.MeterUSD != want[1].NanoUSD() {
				t.Errorf("%s %s: %d bytes and %d, want %d and %d", c.Month, c.Name, c.MeterBytes, c.MeterUSD, want[0].Round(), want[1].NanoUSD())
			}
		}
		if len(model) > 0 {
			t.Errorf("not in the report: %v", model)
		}
	})
}

// FuzzReader: whatever it is given, the reader ends with rows, the end, or an error of its own; never in a panic.
func FuzzReader(f *testing.F) {
	text := samplePlain(f)
	f.Add(text[:8000])
	f.Add([]byte(csvOf(egress("2026-09", nil), egress("2026-09", charge{"BilledCost": "-1e-7"}))))
	f.Add([]byte(zipped(csvOf(egress("2026-09", nil)))))
	f.Add([]byte("\ufeffa\n\"b"))
	f.Fuzz(func(t *testing.T, b []byte) {
		tally := NewTally([]string{"exampleaccount"})
		err := tally.Read("fuzz", bytes.NewReader(b))
		if err != nil && !errors.Is(err, ErrBill) {
			t.Fatalf("%v", err)
		}
		if err == nil {
			Compare(tally, nil, month("2026-12"))
		}
	})
}
