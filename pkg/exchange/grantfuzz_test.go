package exchange

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

// fuzzPaper reads any bytes as one kind of document: either they are refused, or what is read is written as the same bytes.
func fuzzPaper[T any, P interface {
	*T
	paper
}](f *testing.F, some ...T) {
	for _, v := range some {
		b, err := encodePaper(P(&v))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte(`{"datagravity":2,"kind":7}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var v T
		if decodePaper(b, P(&v)) != nil {
			return
		}
		if again, err := encodePaper(P(&v)); err != nil || !bytes.Equal(again, b) {
			t.Errorf("believed %+v: %v", v, err)
		}
	})
}

func FuzzGrantRequest(f *testing.F) {
	long := someRequest()
	long.Team = strings.Repeat(`"`, maxGrantTextBytes)
	fuzzPaper(f, someRequest(), bareRequest(), long)
}

func FuzzGrant(f *testing.F) { fuzzPaper(f, someGrant(), someRefusal()) }

func FuzzClaim(f *testing.F) { fuzzPaper(f, someClaim(), someRevocation()) }

func FuzzSettlement(f *testing.F) { fuzzPaper(f, someSettlement()) }

func FuzzLedgerMark(f *testing.F) { fuzzPaper(f, someMark()) }

// FuzzGrantText seals any text anew before it is read: what a digest does not keep away the rules must.
func FuzzGrantText(f *testing.F) {
	f.Add("edge", someID, "c4", "lab-1", someAccount, "", uint64(1), int64(1), int64(1), int64(0), int64(0), int64(1))
	f.Add("", "", "", "", "", "no", uint64(0), int64(0), int64(0), int64(-1), int64(-1), int64(0))
	f.Fuzz(func(t *testing.T, edge, id, dataset, origin, account, refused string, sequence uint64, bytes, requests, cost, at, life int64) {
		g := Grant{
			Datagravity: version, Kind: grantKind, ID: id, Edge: edge, Dataset: dataset, Origin: origin, Account: account, Sequence: sequence,
			Bytes: bytes, Requests: requests, NanoUSD: cost, Refused: refused, Time: time.Unix(at, 0).UTC(), Expires: time.Unix(at+life, 0).UTC(),
		}
		b, err := seal(&g, &g.Check)
		if err != nil {
			return
		}
		var read Grant
		if decodePaper(b, &read) != nil {
			return
		}
		if read != g || g.corner().check() != nil || sequence == 0 || len(account) != accountDigits || life <= 0 || life > int64(MaxLifetime.Seconds()) ||
			refused == "" && (bytes <= 0 || requests <= 0 || cost < 0) || refused != "" && (bytes != 0 || requests != 0 || cost != 0) {
			t.Errorf("believed %s", b)
		}
	})
}
