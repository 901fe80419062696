package feed

import (
	"errors"
	"fmt"
)

// awsJSON reads an offer as JSON. Its products come before their terms, so that only those that matter are kept.
func (c *collector) awsJSON(in *input) error {
	w := newWalker(in)
	o := &awsOffer{c: c, w: w, products: map[string]awsRow{}}
	err := w.object(func(name string) error {
		switch name {
		case "offerCode":
			return w.text(&o.code)
		case "version":
			return w.text(&o.version)
		case "publicationDate":
			return w.text(&o.date)
		case "products":
			o.read = true
			return w.object(o.product)
		case "terms":
			if !o.read {
				return errors.New("terms stand before products; AWS writes products first")
			}
			if err := o.publish(); err != nil {
				return err
			}
			o.terms = true
			return w.object(o.term)
		}
		return w.skip()
	})
	if err == nil {
		err = w.end()
	}
	if err == nil && (!o.read || !o.terms) {
		err = errors.New("products or terms are missing: that is no price list of AWS's")
	}
	if err != nil {
		return in.fail(o.where, err)
	}
	return nil
}

type awsOffer struct {
	c                   *collector
	w                   *walker
	code, version, date string
	read, terms         bool
	where               string
	products            map[string]awsRow
}

func (o *awsOffer) publish() error { return o.c.published(o.code+" "+o.version, o.date) }

func (o *awsOffer) product(sku string) error {
	o.where = fmt.Sprintf("products %q", sku)
	row := awsRow{sku: sku, term: "OnDemand"}
	err := o.w.object(func(name string) error {
		switch name {
		case "productFamily":
			return o.w.text(&row.family)
		case "attributes":
			return o.w.texts(map[string]*string{
				"transferType": &row.transfer, "fromLocation": &row.from, "toLocation": &row.to, "fromLocationType": &row.fromType,
				"toLocationType": &row.toType, "fromRegionCode": &row.fromCode, "toRegionCode": &row.toCode, "usagetype": &row.usage,
				"group": &row.group, "volumeType": &row.volume, "regionCode": &row.region,
			})
		}
		return o.w.skip()
	})
	if err != nil {
		return err
	}
	o.where = ""
	if row.kind() == "" || row.kind() == "place" {
		return nil // its price dimensions are counted with the others that are not used
	}
	if _, ok := o.products[sku]; ok {
		return fmt.Errorf("products %q is there twice", sku)
	}
	o.products[sku] = row
	return o.c.keep()
}

// term reads the terms of one type: by SKU, then by offer term, then the price dimensions.
func (o *awsOffer) term(kind string) error {
	if kind != "OnDemand" {
		return o.w.skip()
	}
	return o.w.object(func(sku string) error {
		row, ok := o.products[sku]
		return o.w.object(func(term string) error {
			return o.w.object(func(name string) error {
				if name != "priceDimensions" {
					return o.w.skip()
				}
				return o.w.object(func(code string) error {
					if !ok {
						o.c.rows++
						o.c.ignore("of other products", 1)
						return o.w.skip()
					}
					return o.dimension(row, code)
				})
			})
		})
	})
}

func (o *awsOffer) dimension(row awsRow, code string) error {
	o.where = fmt.Sprintf("priceDimensions %q", code)
	where := o.where
	currencies := 0
	err := o.w.object(func(name string) error {
		if name == "pricePerUnit" {
			return o.w.object(func(currency string) error {
				currencies++
				if currency != "USD" && row.currency == "USD" {
					return o.w.skip()
				}
				row.currency = currency
				return o.w.text(&row.price)
			})
		}
		return o.w.one(name, map[string]*string{"unit": &row.unit, "beginRange": &row.start, "endRange": &row.end})
	})
	if err != nil {
		return err
	}
	if currencies == 0 {
		return errors.New("pricePerUnit has no price")
	}
	if err := o.c.awsRow(row, where); err != nil {
		return err
	}
	o.where = ""
	return nil
}
