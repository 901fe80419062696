package bill

// Kind is what a row counts.
type Kind string

// The kinds. Internet, InterRegion and Interconnect are what bytes that leave a place are billed by, and are compared.
const (
	Internet     Kind = "internet"     // out of the provider, across the internet
	InterRegion  Kind = "inter-region" // to another region of the provider
	Interconnect Kind = "interconnect" // out over a private line: Direct Connect, ExpressRoute, Cloud Interconnect
	Inbound      Kind = "inbound"      // in, free nearly everywhere
	InterZone    Kind = "inter-zone"   // between zones of a region
	CDN          Kind = "cdn"          // out of a content delivery network to its visitors
	ToCDN        Kind = "to-cdn"       // from a store to the provider's own content delivery network, free
	Acceleration Kind = "acceleration" // a surcharge for a faster way
	Gateway      Kind = "gateway"      // what NAT gateways, private endpoints, peerings and load balancers charge for bytes
	Replication  Kind = "replication"  // what a store of several regions copies by itself
	Requests     Kind = "requests"
	Retrieval    Kind = "retrieval" // out of a cool storage class
	Other        Kind = "other"     // nothing that is about transfers
)

// compared kinds are matched with the ledger.
var compared = map[Kind]bool{Internet: true, InterRegion: true, Interconnect: true}

// field is what of a row a rule looks at.
type field int

const (
	bySku         field = iota // SkuId
	byMeterID                  // x_SkuMeterId
	byUsageType                // x_UsageType, SkuMeter of AWS, or the usage type that a description of AWS quotes
	byMeterText                // SkuMeter, x_SkuMeterName, x_SkuMeterSubcategory
	byService                  // ServiceName: only for what is sold as a service of its own
	byDescription              // last, where an export says it nowhere else
)

// rule tells the kind of the rows of one provider whose field matches a pattern: in any case, with * for any characters.
type rule struct {
	provider string
	field    field
	pattern  string
	kind     Kind
}

// rules in the order in which they are tried; the first that matches holds. A rule by text that is also in a later one's pattern
// must come first: "inter-region" data goes by the routing preference "MGN" as well.
var rules = []rule{
	// AWS. CloudFront has the usage types and the wording of ordinary egress, at other prices, so its name decides.
	{"aws", byService, "*cloudfront*", CDN},
	{"aws", byUsageType, "*CloudFront-Out-*", ToCDN},
	{"aws", byUsageType, "*CloudFront-In-*", Inbound},
	{"aws", byUsageType, "*DataXfer-Out*", Interconnect},
	{"aws", byUsageType, "*DataXfer-In*", Inbound},
	{"aws", byUsageType, "*-Out-ABytes*", Acceleration},
	{"aws", byUsageType, "*-In-ABytes*", Acceleration},
	{"aws", byUsageType, "*DataTransfer-Regional-*", InterZone},
	{"aws", byUsageType, "*DataTransfer-xAZ-*", InterZone},
	{"aws", byUsageType, "*DataTransfer-In-Bytes", Inbound},
	{"aws", byUsageType, "*AWS-In-Bytes", Inbound},
	{"aws", byUsageType, "*AWS-Out-Bytes", InterRegion},
	{"aws", byUsageType, "*DataTransfer-Out-Bytes", Internet},
	{"aws", byUsageType, "*NatGateway-Bytes", Gateway},
	{"aws", byUsageType, "*VpcEndpoint-*Bytes", Gateway},
	{"aws", byUsageType, "*TransitGateway-Bytes", Gateway},
	{"aws", byUsageType, "*Requests-Tier*", Requests},
	{"aws", byUsageType, "*Retrieval-*", Retrieval},
	{"aws", byDescription, "*data transfer* to cloudfront*", ToCDN},
	{"aws", byDescription, "*data transfer* from cloudfront*", Inbound},
	{"aws", byDescription, "*regional data transfer*", InterZone},
	{"aws", byDescription, "*data transfer in per month*", Inbound},
	{"aws", byDescription, "* data transfer from *", Inbound},
	{"aws", byDescription, "* data transfer to *", InterRegion},
	{"aws", byDescription, "*data transfer out*", Internet},
	{"aws", byDescription, "*data processed by nat gateways*", Gateway},
	{"aws", byDescription, "*data processed by vpc endpoints*", Gateway},
	{"aws", byDescription, "*put, copy, post, or list requests*", Requests},
	{"aws", byDescription, "*get and all other requests*", Requests},

	// Azure. The meters are those of the bandwidth zones (SkuId 1010107 is zone 1 on bills of 2024); prices of routing
	// "Internet" have meters of their own.
	{"azure", byMeterID, "9995d93a-7d35-4d3f-9c69-7a7fea447ef4", Internet},
	{"azure", byMeterID, "fe167397-a38d-43c3-9bb3-8e2907e56a41", Internet},
	{"azure", byMeterID, "c089a13a-9dd0-44b5-aa9e-44a77bbd6788", Internet},
	{"azure", byMeterID, "d9fcc124-64ac-405f-80db-625259fa9cc6", Internet},
	{"azure", bySku, "1010107", Internet},
	{"azure", bySku, "616169332", InterRegion},
	{"azure", byMeterText, "*expressroute*data transfer out*", Interconnect},
	{"azure", byMeterText, "*content delivery network*", CDN},
	{"azure", byMeterText, "*front door*data transfer*", CDN},
	{"azure", byMeterText, "*cdn*data transfer*", CDN},
	{"azure", byMeterText, "*availability zone*data transfer*", InterZone},
	{"azure", byMeterText, "*peering*gress*", Gateway},
	{"azure", byMeterText, "*data processed*", Gateway},
	{"azure", byMeterText, "*geo-replication*data transfer*", Replication},
	{"azure", byMeterText, "*inter-region*", InterRegion},
	{"azure", byMeterText, "*intra continent*data transfer out*", InterRegion},
	{"azure", byMeterText, "*inter continent*data transfer out*", InterRegion},
	{"azure", byMeterText, "*data transfer in*", Inbound},
	{"azure", byMeterText, "*preference*data transfer out*", Internet},
	{"azure", byMeterText, "*bandwidth*data transfer out*", Internet},
	{"azure", byMeterText, "standard data transfer out", Internet},
	{"azure", byMeterText, "*data retrieval*", Retrieval},
	{"azure", byMeterText, "*blob*operations*", Requests},

	// Google. The SKUs are those of the price book.
	{"gcp", bySku, "22EB-AAE8-FBCD", Internet},
	{"gcp", bySku, "8878-37D4-D2AC", InterRegion},
	{"gcp", byMeterText, "*interconnect*out*", Interconnect},
	{"gcp", byMeterText, "*interconnect*egress*", Interconnect},
	{"gcp", byMeterText, "*replication*", Replication},
	{"gcp", byMeterText, "*cdn*data transfer*", CDN},
	{"gcp", byMeterText, "*cdn*egress*", CDN},
	{"gcp", byMeterText, "*nat*data processing*", Gateway},
	{"gcp", byMeterText, "*private service connect*data*", Gateway},
	{"gcp", byMeterText, "*inter zone*", InterZone},
	{"gcp", byMeterText, "*inter-zone*", InterZone},
	{"gcp", byMeterText, "*ingress*", Inbound},
	{"gcp", byMeterText, "*data transfer in*", Inbound},
	{"gcp", byMeterText, "*inter region*", InterRegion},
	{"gcp", byMeterText, "*inter-region*", InterRegion},
	{"gcp", byMeterText, "*data transfer*within*", InterRegion},
	{"gcp", byMeterText, "download *", Internet},
	{"gcp", byMeterText, "*internet*data transfer out*", Internet},
	{"gcp", byMeterText, "*internet*egress*", Internet},
	{"gcp", byMeterText, "*class a *operations*", Requests},
	{"gcp", byMeterText, "*class b *operations*", Requests},
	{"gcp", byMeterText, "*retrieval*", Retrieval},

	// Oracle, whose egress rows have no category and are in "GB Months".
	{"oracle", bySku, "B88327", Internet},
	{"oracle", byMeterText, "outbound data transfer*", Internet},
}
