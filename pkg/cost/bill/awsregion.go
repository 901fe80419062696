package bill

import "strings"

// awsRegions: how AWS writes its regions in usage types and in descriptions. The codes are those of its page "AWS Region billing
// codes"; a usage type without one is of us-east-1, and EU alone of eu-west-1. The names are those seen on bills.
var awsRegions = []struct{ id, code, name string }{
	{"us-east-1", "USE1", "US East (Northern Virginia)"}, {"us-east-1", "UE1", "US East (N. Virginia)"},
	{"us-east-2", "USE2", "US East (Ohio)"},
	{"us-west-1", "USW1", "US West (Northern California)"}, {"us-west-1", "UW1", "US West (N. California)"},
	{"us-west-2", "USW2", "US West (Oregon)"},
	{"ca-central-1", "CAN1", "Canada (Central)"}, {"ca-west-1", "CAN2", "Canada West (Calgary)"},
	{"mx-central-1", "MXC1", "Mexico (Central)"}, {"sa-east-1", "SAE1", "South America (Sao Paulo)"},
	{"af-south-1", "AFS1", "Africa (Cape Town)"}, {"af-south-1", "CPT", "Africa (Cape Town)"},
	{"ap-east-1", "APE1", "Asia Pacific (Hong Kong)"}, {"ap-east-2", "APE2", "Asia Pacific (Taipei)"},
	{"ap-northeast-1", "APN1", "Asia Pacific (Tokyo)"}, {"ap-northeast-2", "APN2", "Asia Pacific (Seoul)"},
	{"ap-northeast-3", "APN3", "Asia Pacific (Osaka)"},
	{"ap-southeast-1", "APS1", "Asia Pacific (Singapore)"}, {"ap-southeast-2", "APS2", "Asia Pacific (Sydney)"},
	{"ap-south-1", "APS3", "Asia Pacific (Mumbai)"}, {"ap-southeast-3", "APS4", "Asia Pacific (Jakarta)"},
	{"ap-south-2", "APS5", "Asia Pacific (Hyderabad)"}, {"ap-southeast-4", "APS6", "Asia Pacific (Melbourne)"},
	{"ap-southeast-5", "APS7", "Asia Pacific (Malaysia)"}, {"ap-southeast-6", "APS8", "Asia Pacific (New Zealand)"},
	{"ap-southeast-7", "APS9", "Asia Pacific (Thailand)"},
	{"eu-west-1", "EUW1", "EU (Ireland)"}, {"eu-west-1", "EU", "Europe (Ireland)"},
	{"eu-west-2", "EUW2", "EU (London)"}, {"eu-west-2", "EUW2", "Europe (London)"},
	{"eu-west-3", "EUW3", "EU (Paris)"}, {"eu-west-3", "EUW3", "Europe (Paris)"},
	{"eu-central-1", "EUC1", "EU (Germany)"}, {"eu-central-1", "EUC1", "EU (Frankfurt)"}, {"eu-central-1", "EUC1", "Europe (Frankfurt)"},
	{"eu-central-2", "EUC2", "Europe (Zurich)"},
	{"eu-north-1", "EUN1", "EU (Stockholm)"}, {"eu-north-1", "EUN1", "Europe (Stockholm)"},
	{"eu-south-1", "EUS1", "EU (Milan)"}, {"eu-south-1", "EUS1", "Europe (Milan)"}, {"eu-south-2", "EUS2", "Europe (Spain)"},
	{"il-central-1", "ILC1", "Israel (Tel Aviv)"}, {"me-central-1", "MEC1", "Middle East (UAE)"}, {"me-south-1", "MES1", "Middle East (Bahrain)"},
	{"cn-north-1", "CNN1", "China (Beijing)"}, {"cn-northwest-1", "CNW1", "China (Ningxia)"},
	{"us-gov-east-1", "UGE1", "AWS GovCloud (US-East)"}, {"us-gov-west-1", "UGW1", "AWS GovCloud (US-West)"},
}

var awsByCode, awsByName = func() (code, name map[string]string) {
	code, name = map[string]string{}, map[string]string{}
	for _, r := range awsRegions {
		code[r.code], name[strings.ToLower(r.name)] = r.id, r.id
	}
	return code, name
}()

// usageRegions reads the region codes that a usage type begins with: "USW2-EUW1-AWS-Out-Bytes" is from us-west-2 to eu-west-1. A
// single code before AWS is the other end, where the row's region is this one ("EUN1-AWS-Out-Bytes" in af-south-1).
func usageRegions(usageType, region string) (from, to string) {
	first, rest, _ := strings.Cut(usageType, "-")
	from = awsByCode[first]
	second, rest2, _ := strings.Cut(rest, "-")
	to = awsByCode[second]
	switch {
	case from == "":
		return or(region, "us-east-1"), ""
	case to != "" && strings.HasPrefix(rest2, "AWS-"):
		return from, to
	case strings.HasPrefix(rest, "AWS-") && region != "" && region != from:
		return region, from
	}
	return from, ""
}

// describedUsage finds a usage type in a description such as "USD 0.02 per GB for EUN1-AWS-Out-Bytes in Africa (Cape Town)".
func describedUsage(description string) string {
	_, after, ok := strings.Cut(description, " per GB for ")
	if !ok {
		return ""
	}
	word, _, _ := strings.Cut(after, " ")
	if strings.HasSuffix(word, "-Bytes") {
		return word
	}
	return ""
}

// describedTarget is the region that "US West (Oregon) data transfer to EU (Ireland)" names.
func describedTarget(description string) string {
	_, after, ok := strings.Cut(strings.ToLower(description), " data transfer to ")
	if !ok {
		return ""
	}
	return awsByName[strings.TrimSpace(after)]
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
