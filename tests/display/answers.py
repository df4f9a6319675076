"""Answers, and what a careful analyst draws of each, by somebody who had not read the rules."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

#: Questions, columns, and what is drawn: the measure over the dimension, in the colours of the group.
ANSWERS: list[tuple[str, dict[str, list[Any]], str | None, str | None, str | None]] = []


def _add(
    question: str,
    names: list[str],
    rows: list[tuple[Any, ...]],
    measure: str | None,
    dimension: str | None,
    group: str | None = None,
) -> None:
    columns = {name: [row[at] for row in rows] for at, name in enumerate(names)}
    ANSWERS.append((question, columns, measure, dimension, group))


# 1 retail: id beside name
_add(
    "Who were our top 10 customers by revenue in 2023?",
    ["customer_id", "customer_name", "total_revenue"],
    [
        (10482, "Hartmann Bau GmbH", Decimal("184220.50")),
        (10077, "Nordlicht Energie AG", Decimal("171905.00")),
        (11930, "Blue Ridge Outfitters", Decimal("150340.75")),
        (10211, "Casa Moreno SL", Decimal("149870.10")),
        (12004, "Pellegrini & Figli", Decimal("120455.00")),
        (10956, "Oakhurst Supply Co.", Decimal("98730.20")),
        (10003, "Lindqvist Trading AB", Decimal("97110.00")),
        (11548, "Vermeer Retail BV", Decimal("88020.40")),
        (10799, "Kowalski Meble", Decimal("80199.99")),
        (12310, "Summit Hardware", Decimal("76540.00")),
    ],
    "total_revenue",
    "customer_name",
)

# 2 SaaS: growth behind the plain measure, first one None
_add(
    "How has MRR developed month over month in the first half of 2024?",
    ["month", "mrr", "mrr_growth_pct"],
    [
        (date(2024, 1, 1), Decimal("412300.00"), None),
        (date(2024, 2, 1), Decimal("421950.00"), Decimal("2.34")),
        (date(2024, 3, 1), Decimal("437800.00"), Decimal("3.76")),
        (date(2024, 4, 1), Decimal("433120.00"), Decimal("-1.07")),
        (date(2024, 5, 1), Decimal("452010.00"), Decimal("4.36")),
        (date(2024, 6, 1), Decimal("470665.00"), Decimal("4.13")),
    ],
    "mrr_growth_pct",
    "month",
)

# 3 logistics: durations; question names one
_add(
    "What is the average delivery time per carrier?",
    ["carrier", "shipments", "avg_delivery_time"],
    [
        ("DHL", 18422, timedelta(days=1, hours=21, minutes=14)),
        ("UPS", 12904, timedelta(days=2, hours=3, minutes=40)),
        ("GLS", 7310, timedelta(days=2, hours=9, minutes=5)),
        ("Hermes", 5022, timedelta(days=3, hours=1, minutes=52)),
        ("DPD", 9981, timedelta(days=2, hours=0, minutes=31)),
    ],
    "avg_delivery_time",
    "carrier",
)

# 4 HR: share of total
_add(
    "Headcount by department and each department's share of the company",
    ["department", "headcount", "pct_of_total"],
    [
        ("Engineering", 212, 42.4),
        ("Sales", 118, 23.6),
        ("Customer Success", 74, 14.8),
        ("Marketing", 41, 8.2),
        ("Finance", 30, 6.0),
        ("People", 25, 5.0),
    ],
    "pct_of_total",
    "department",
)

# 5 healthcare: hour of day as a number
_add(
    "At what hours do most emergency admissions happen?",
    ["hour_of_day", "admissions"],
    [
        (8, 142),
        (9, 171),
        (10, 203),
        (11, 219),
        (12, 198),
        (13, 187),
        (14, 190),
        (15, 201),
        (16, 214),
        (17, 236),
        (18, 258),
        (19, 247),
        (20, 221),
        (21, 180),
    ],
    "admissions",
    "hour_of_day",
)

# 6 finance: quarter texts x region
_add(
    "Show revenue per quarter and region for 2023",
    ["quarter", "region", "revenue"],
    [
        ("2023-Q1", "Americas", Decimal("12.40")),
        ("2023-Q1", "APAC", Decimal("6.15")),
        ("2023-Q1", "EMEA", Decimal("9.82")),
        ("2023-Q2", "Americas", Decimal("13.05")),
        ("2023-Q2", "APAC", Decimal("6.71")),
        ("2023-Q2", "EMEA", Decimal("9.64")),
        ("2023-Q3", "Americas", Decimal("13.77")),
        ("2023-Q3", "APAC", Decimal("7.02")),
        ("2023-Q3", "EMEA", Decimal("9.11")),
        ("2023-Q4", "Americas", Decimal("15.90")),
        ("2023-Q4", "APAC", Decimal("7.88")),
        ("2023-Q4", "EMEA", Decimal("11.36")),
    ],
    "revenue",
    "quarter",
    "region",
)

# 7 web analytics: rate
_add(
    "What is the conversion rate of each landing page?",
    ["landingPage", "sessions", "conversions", "conversionRate"],
    [
        ("/pricing", 20411, 1225, 0.0600),
        ("/demo", 8120, 455, 0.0560),
        ("/", 91230, 2189, 0.0240),
        ("/blog/etl-guide", 33750, 236, 0.0070),
        ("/careers", 12044, 12, 0.0010),
    ],
    "conversionRate",
    "landingPage",
)

# 8 manufacturing: numeric code as the only dimension
_add(
    "Defects by plant in March",
    ["PLANT CODE", "DEFECT COUNT"],
    [(1010, 341), (1020, 198), (1035, 455), (2010, 87), (2040, 260), (3100, 121)],
    "DEFECT COUNT",
    "PLANT CODE",
)

# 9 German: postal code as a number
_add(
    "Umsatz nach Postleitzahl, die 8 stärksten",
    ["PLZ", "Umsatz"],
    [
        (80331, Decimal("92114.30")),
        (10115, Decimal("88450.00")),
        (20095, Decimal("71200.95")),
        (50667, Decimal("65010.10")),
        (60311, Decimal("64980.00")),
        (70173, Decimal("51344.20")),
        (4109, Decimal("38770.00")),
        (1067, Decimal("33109.45")),
    ],
    "Umsatz",
    "PLZ",
)

# 10 retail: store number; question names a measure that isn't the last
_add(
    "Top 8 stores by net sales last week",
    ["storeNumber", "netSales", "transactions"],
    [
        (417, 88210.4, 3120),
        (52, 81770.0, 3344),
        (308, 79905.15, 2790),
        (11, 74002.9, 2981),
        (633, 70118.0, 2410),
        (219, 66540.25, 2655),
        (90, 61220.7, 2102),
        (505, 60871.3, 2240),
    ],
    "netSales",
    "storeNumber",
)

# 11 rank column in front
_add(
    "Rank our products by units sold",
    ["rank", "product_name", "units_sold"],
    [
        (1, "USB-C Cable 2m", 14210),
        (2, "Wireless Mouse M3", 11872),
        (3, "Laptop Stand Alu", 9004),
        (4, "Webcam HD", 7761),
        (5, "Mechanical Keyboard", 7760),
        (6, "Monitor Arm", 4120),
        (7, "Desk Mat XL", 3988),
    ],
    "units_sold",
    "product_name",
)

# 12 top 3 per category, row number last
_add(
    "What are the three best-selling products in each category by revenue?",
    ["category", "product", "revenue", "rn"],
    [
        ("Bikes", "Trail 500", Decimal("240100.00"), 1),
        ("Bikes", "City Lite", Decimal("198420.00"), 2),
        ("Bikes", "Gravel Pro", Decimal("187655.50"), 3),
        ("Apparel", "Rain Jacket", Decimal("55210.00"), 1),
        ("Apparel", "Bib Shorts", Decimal("41980.25"), 2),
        ("Apparel", "Winter Gloves", Decimal("20115.00"), 3),
        ("Parts", "Disc Brake Set", Decimal("88120.00"), 1),
        ("Parts", "Chain 12s", Decimal("61002.40"), 2),
        ("Parts", "Saddle Comfort", Decimal("45500.00"), 3),
    ],
    "revenue",
    "product",
    "category",
)

# 13 month x country, datetimes, country column in front of the month
_add(
    "Orders per country per month",
    ["country", "order_month", "orders"],
    [
        ("DE", datetime(2024, 1, 1), 1820),
        ("DE", datetime(2024, 2, 1), 1755),
        ("DE", datetime(2024, 3, 1), 2010),
        ("DE", datetime(2024, 4, 1), 1988),
        ("FR", datetime(2024, 1, 1), 960),
        ("FR", datetime(2024, 2, 1), 1012),
        ("FR", datetime(2024, 3, 1), 1103),
        ("FR", datetime(2024, 4, 1), 1090),
        ("PL", datetime(2024, 1, 1), 440),
        ("PL", datetime(2024, 2, 1), 487),
        ("PL", datetime(2024, 3, 1), 530),
        ("PL", datetime(2024, 4, 1), 612),
    ],
    "orders",
    "order_month",
    "country",
)

# 14 years as numbers, growth as a fraction
_add(
    "Annual revenue and growth over the previous year",
    ["year", "revenue", "yoy_growth"],
    [
        (2018, 31200000.0, None),
        (2019, 35880000.0, 0.15),
        (2020, 33368400.0, -0.07),
        (2021, 41043132.0, 0.23),
        (2022, 46789170.5, 0.14),
        (2023, 50064411.4, 0.07),
    ],
    "yoy_growth",
    "year",
)

# 15 no chart: one number alone
_add("How many active subscriptions do we have right now?", ["active_subscriptions"], [(18734,)], None, None)

# 16 no chart: ids and texts
_add(
    "Which employees in Legal have no manager assigned?",
    ["employee_id", "first_name", "last_name", "email", "job_title"],
    [
        (40112, "Ines", "Baptista", "ines.baptista@example.com", "Counsel"),
        (40377, "Tom", "Okafor", "tom.okafor@example.com", "Paralegal"),
        (41020, "Mei", "Tanaka", "mei.tanaka@example.com", "Senior Counsel"),
        (41188, "Jonas", "Weber", "jonas.weber@example.com", "Contract Manager"),
    ],
    None,
    None,
)

# 17 no chart: several ids, one of them a long number
_add(
    "List the shipments that are stuck in customs",
    ["SHIPMENT ID", "ORDER ID", "TRACKING NUMBER", "STATUS", "PORT"],
    [
        (990214, 5500121, 794612345678, "HELD", "Rotterdam"),
        (990387, 5500340, 794612399120, "HELD", "Rotterdam"),
        (990401, 5500377, 794612400011, "INSPECTION", "Hamburg"),
        (990556, 5500912, 794612477732, "HELD", "Antwerp"),
        (990610, 5501004, 794612490085, "INSPECTION", "Hamburg"),
    ],
    None,
    None,
)

# 18 healthcare: a count of distinct ids, named as the SQL function
_add(
    "How many different patients did each clinic see?",
    ["clinic_id", "clinic_name", "COUNT(DISTINCT patient_id)"],
    [
        (3, "Riverside", 2210),
        (1, "Downtown", 1984),
        (7, "Northgate", 1530),
        (4, "St. Mary", 1122),
        (9, "Harbor", 640),
    ],
    "COUNT(DISTINCT patient_id)",
    "clinic_name",
)

# 19 healthcare: code texts that look like numbers, description beside
_add(
    "Most frequent DRG codes last year",
    ["drg_code", "drg_description", "discharges"],
    [
        ("871", "Septicemia w MCC", 912),
        ("470", "Major hip/knee joint replacement", 744),
        ("291", "Heart failure & shock w MCC", 690),
        ("392", "Esophagitis, gastroent & misc digest", 402),
        ("690", "Kidney & urinary tract infections", 377),
        ("194", "Simple pneumonia & pleurisy w CC", 351),
    ],
    "discharges",
    "drg_description",
)

# 20 retail: several measures, question names one, not sorted by it
_add(
    "What's the average order value per sales channel?",
    ["channel", "orders", "revenue", "avg_order_value", "customers"],
    [
        ("Web", 40210, Decimal("2814700.00"), Decimal("70.00"), 28100),
        ("App", 31870, Decimal("1975940.00"), Decimal("62.00"), 19450),
        ("Store", 22004, Decimal("1012184.00"), Decimal("46.00"), 17020),
        ("Marketplace", 9120, Decimal("711360.00"), Decimal("78.00"), 8633),
    ],
    "avg_order_value",
    "channel",
)

# 21 sales: nothing named, rows are sorted by the first of three measures
_add(
    "Show me how our sales reps are doing",
    ["rep_id", "rep_name", "deals_won", "open_pipeline", "avg_discount"],
    [
        (71, "A. Novak", 48, 310000, 8.5),
        (64, "R. Singh", 41, 522000, 12.0),
        (80, "L. Dubois", 39, 275500, 6.1),
        (59, "M. Chen", 30, 610200, 9.9),
        (77, "J. Ortega", 22, 198000, 15.3),
        (83, "S. Yilmaz", 17, 440100, 7.0),
    ],
    "deals_won",
    "rep_name",
)

# 22 logistics: nothing named, sorted by the dimension: last measure
_add(
    "Give me an overview of the warehouses",
    ["warehouse", "sku_count", "pallets", "stock_value_eur"],
    [
        ("Bremen", 4120, 8800, Decimal("5120400.00")),
        ("Gdansk", 2980, 10250, Decimal("3988120.50")),
        ("Leipzig", 6011, 7420, Decimal("8014770.00")),
        ("Lyon", 3340, 5105, Decimal("4450090.20")),
        ("Torino", 1870, 6230, Decimal("2100555.00")),
    ],
    "stock_value_eur",
    "warehouse",
)

# 23 web: days as texts
_add(
    "daily active users first week of march",
    ["day", "dau"],
    [
        ("2024-03-01", 20133),
        ("2024-03-02", 14870),
        ("2024-03-03", 15021),
        ("2024-03-04", 22410),
        ("2024-03-05", 22987),
        ("2024-03-06", 23110),
        ("2024-03-07", 22604),
    ],
    "dau",
    "day",
)

# 24 SaaS: week x plan
_add(
    "Weekly signups by plan in May",
    ["week_start", "plan", "signups"],
    [
        (date(2024, 5, 6), "Free", 812),
        (date(2024, 5, 6), "Pro", 120),
        (date(2024, 5, 6), "Team", 31),
        (date(2024, 5, 13), "Free", 770),
        (date(2024, 5, 13), "Pro", 131),
        (date(2024, 5, 13), "Team", 28),
        (date(2024, 5, 20), "Free", 903),
        (date(2024, 5, 20), "Pro", 144),
        (date(2024, 5, 20), "Team", 40),
        (date(2024, 5, 27), "Free", 858),
        (date(2024, 5, 27), "Pro", 139),
        (date(2024, 5, 27), "Team", 37),
    ],
    "signups",
    "week_start",
    "plan",
)

# 25 manufacturing: ISO weeks as texts, percentage in front that the question names
_add(
    "What scrap percentage did line 4 have in each week?",
    ["iso_week", "scrap_pct", "scrapped_units", "produced_units"],
    [
        ("2024-W05", 2.1, 252, 12000),
        ("2024-W06", 1.8, 223, 12400),
        ("2024-W07", 3.5, 396, 11300),
        ("2024-W08", 2.9, 348, 12010),
        ("2024-W09", 2.0, 250, 12500),
        ("2024-W10", 1.6, 206, 12880),
    ],
    "scrap_pct",
    "iso_week",
)

# 26 retail: year and month as numbers, two years
_add(
    "Compare monthly visitors of the first half-year, 2022 vs 2023",
    ["year", "month_number", "visitors"],
    [
        (2022, 1, 40120),
        (2022, 2, 38770),
        (2022, 3, 45210),
        (2022, 4, 47003),
        (2022, 5, 49980),
        (2022, 6, 52240),
        (2023, 1, 43900),
        (2023, 2, 41120),
        (2023, 3, 48004),
        (2023, 4, 51200),
        (2023, 5, 53110),
        (2023, 6, 57420),
    ],
    "visitors",
    "month_number",
    "year",
)

# 27 month names with a constant year column
_add(
    "Energy consumption per month in 2023 (kWh)",
    ["YEAR", "MONTH NAME", "CONSUMPTION KWH"],
    [
        (2023, "January", 88120.5),
        (2023, "February", 81004.0),
        (2023, "March", 76550.25),
        (2023, "April", 64210.0),
        (2023, "May", 58002.75),
        (2023, "June", 61430.0),
        (2023, "July", 70210.5),
        (2023, "August", 69980.0),
    ],
    "CONSUMPTION KWH",
    "MONTH NAME",
)

# 28 a bool is the second dimension
_add(
    "Orders per month from new and returning customers",
    ["month", "is_returning_customer", "order_count"],
    [
        ("2024-01", False, 510),
        ("2024-01", True, 1312),
        ("2024-02", False, 488),
        ("2024-02", True, 1290),
        ("2024-03", False, 602),
        ("2024-03", True, 1455),
        ("2024-04", False, 577),
        ("2024-04", True, 1501),
    ],
    "order_count",
    "month",
    "is_returning_customer",
)

# 29 growth has a single value: fall back to the plain measure
_add(
    "Revenue of the new subscription business per year with year-over-year growth",
    ["fiscal_year", "subscription_revenue", "yoy_growth_pct"],
    [
        ("FY2022", Decimal("0.00"), None),
        ("FY2023", Decimal("1204000.00"), None),
        ("FY2024", Decimal("1986600.00"), Decimal("65.00")),
    ],
    "subscription_revenue",
    "fiscal_year",
)

# 30 support: durations over priorities, question names the median
_add(
    "Median time to resolution by ticket priority",
    ["priority", "tickets", "median_time_to_resolution", "max_time_to_resolution"],
    [
        ("P1", 38, timedelta(hours=3, minutes=12), timedelta(days=1, hours=4)),
        ("P2", 214, timedelta(hours=9, minutes=45), timedelta(days=6, hours=2)),
        ("P3", 1020, timedelta(days=1, hours=18), timedelta(days=31)),
        ("P4", 655, timedelta(days=4, hours=7, minutes=30), timedelta(days=88, hours=20)),
    ],
    "median_time_to_resolution",
    "priority",
)

# 31 French: share
_add(
    "Chiffre d'affaires par région et part du total",
    ["région", "chiffre_affaires", "part_du_total"],
    [
        ("Île-de-France", Decimal("812000.00"), Decimal("40.6")),
        ("Auvergne-Rhône-Alpes", Decimal("430000.00"), Decimal("21.5")),
        ("Occitanie", Decimal("288000.00"), Decimal("14.4")),
        ("Bretagne", Decimal("250000.00"), Decimal("12.5")),
        ("Grand Est", Decimal("220000.00"), Decimal("11.0")),
    ],
    "part_du_total",
    "région",
)

# 32 German HR: question names one, another one follows
_add(
    "Wie hoch ist das Durchschnittsgehalt je Abteilung?",
    ["Abteilungsnr", "Abteilung", "Durchschnittsgehalt", "Mitarbeiter"],
    [
        (300, "Entwicklung", Decimal("71240.00"), 88),
        (100, "Vertrieb", Decimal("64810.55"), 52),
        (410, "Einkauf", Decimal("55900.00"), 17),
        (200, "Produktion", Decimal("48220.10"), 240),
        (520, "Lager", Decimal("39870.00"), 61),
    ],
    "Durchschnittsgehalt",
    "Abteilung",
)

# 33 finance: cumulative named, comes after the daily one
_add(
    "What is the cumulative cash inflow over the last days?",
    ["booking_date", "daily_inflow", "cumulative_inflow"],
    [
        (date(2024, 6, 3), Decimal("12400.00"), Decimal("12400.00")),
        (date(2024, 6, 4), Decimal("8210.50"), Decimal("20610.50")),
        (date(2024, 6, 5), Decimal("15990.00"), Decimal("36600.50")),
        (date(2024, 6, 6), Decimal("4300.25"), Decimal("40900.75")),
        (date(2024, 6, 7), Decimal("21075.00"), Decimal("61975.75")),
    ],
    "cumulative_inflow",
    "booking_date",
)

# 34 finance: ratio; the id is a text
_add(
    "Debt-to-equity ratio of our portfolio companies",
    ["isin", "company", "total_debt_m", "equity_m", "debt_to_equity"],
    [
        ("DE000A1EWWW0", "Altmark Sports", 2915.0, 5300.0, 0.55),
        ("FR0000121014", "Maison Rive", 18200.0, 56000.0, 0.325),
        ("US0231351067", "Basin Commerce", 67150.0, 201875.0, 0.333),
        ("NL0010273215", "Veld Litho", 4600.0, 13450.0, 0.342),
        ("CH0038863350", "Lac Foods", 49000.0, 35900.0, 1.365),
    ],
    "debt_to_equity",
    "company",
)

# 35 previous period's value stands beside; newest month first
_add(
    "How did ad spend change versus the prior month?",
    ["spendMonth", "adSpend", "prevMonthAdSpend", "momChangePct"],
    [
        (date(2023, 12, 1), 91200.0, 80000.0, 14.0),
        (date(2023, 11, 1), 80000.0, 64000.0, 25.0),
        (date(2023, 10, 1), 64000.0, 66667.0, -4.0),
        (date(2023, 9, 1), 66667.0, 60606.0, 10.0),
        (date(2023, 8, 1), 60606.0, None, None),
    ],
    "momChangePct",
    "spendMonth",
)

# 36 age band x gender: no period at all
_add(
    "Number of patients by age band and gender",
    ["age_band", "gender", "n_patients"],
    [
        ("0-17", "F", 812),
        ("0-17", "M", 845),
        ("18-34", "F", 1420),
        ("18-34", "M", 1102),
        ("35-49", "F", 1377),
        ("35-49", "M", 1290),
        ("50-64", "F", 1610),
        ("50-64", "M", 1588),
        ("65+", "F", 2104),
        ("65+", "M", 1730),
    ],
    "n_patients",
    "age_band",
    "gender",
)

# 37 rank + an id with no name
_add(
    "Which 6 users watched the most minutes this month?",
    ["user_rank", "user_id", "total_watch_minutes"],
    [
        (1, 88120311, 9920),
        (2, 71002934, 9411),
        (3, 90338120, 8702),
        (4, 65510027, 8699),
        (5, 80020118, 7033),
        (6, 77145090, 6988),
    ],
    "total_watch_minutes",
    "user_id",
)

# 38 finance: GL account numbers, negative balances
_add(
    "Closing balance of the operating expense accounts",
    ["GL ACCOUNT", "ACCOUNT NAME", "CLOSING BALANCE"],
    [
        (6000, "Wages and salaries", Decimal("-840220.15")),
        (6200, "Social security", Decimal("-166040.00")),
        (6310, "Rent", Decimal("-92400.00")),
        (6520, "Vehicle costs", Decimal("-31877.42")),
        (6805, "Telephone", Decimal("-8120.90")),
        (4930, "Reversal of provisions", Decimal("12000.00")),
    ],
    "CLOSING BALANCE",
    "ACCOUNT NAME",
)

# 39 month x channel with a share behind the plain measure
_add(
    "Which share of sessions did each channel bring per month?",
    ["session_month", "channel_group", "sessions", "share_of_sessions"],
    [
        (date(2024, 2, 1), "Direct", 30000, 0.30),
        (date(2024, 2, 1), "Organic", 50000, 0.50),
        (date(2024, 2, 1), "Paid", 20000, 0.20),
        (date(2024, 3, 1), "Direct", 29700, 0.27),
        (date(2024, 3, 1), "Organic", 52800, 0.48),
        (date(2024, 3, 1), "Paid", 27500, 0.25),
        (date(2024, 4, 1), "Direct", 30000, 0.25),
        (date(2024, 4, 1), "Organic", 55200, 0.46),
        (date(2024, 4, 1), "Paid", 34800, 0.29),
    ],
    "share_of_sessions",
    "session_month",
    "channel_group",
)

# 40 marketing: an unnamed rate stands before the plain measures: the named one is drawn
_add(
    "Which campaigns got the most clicks?",
    ["campaign_id", "campaign_name", "ctr", "impressions", "clicks", "cost"],
    [
        ("c-0091", "Spring Sale", Decimal("0.0210"), 2100000, 44100, Decimal("18120.00")),
        ("c-0102", "Brand Search", Decimal("0.0890"), 410000, 36490, Decimal("9120.40")),
        ("c-0087", "Retargeting DE", Decimal("0.0145"), 1800000, 26100, Decimal("12740.00")),
        ("c-0110", "Video Awareness", Decimal("0.0031"), 6200000, 19220, Decimal("21005.75")),
        ("c-0114", "Newsletter Push", Decimal("0.0400"), 150000, 6000, Decimal("800.00")),
    ],
    "clicks",
    "campaign_name",
)

# 41 HR: dates are a mere attribute of the people; "tenure" is a number of years
_add(
    "Who has been with the company the longest?",
    ["employee_no", "full_name", "hire_date", "tenure_years"],
    [
        (17, "Margit Huber", date(1989, 4, 1), 35.2),
        (23, "Paul Ferrand", date(1991, 9, 16), 32.7),
        (41, "Ewa Zielinska", date(1994, 1, 3), 30.4),
        (44, "George Tan", date(1994, 6, 1), 30.0),
        (60, "Sofia Rinaldi", date(1998, 10, 12), 25.6),
    ],
    "tenure_years",
    "full_name",
)

# 42 SaaS: cohorts
_add(
    "Retention of the last three signup cohorts",
    ["cohort_month", "months_since_signup", "active_accounts", "retention_rate"],
    [
        ("2024-01", 0, 400, Decimal("1.000")),
        ("2024-01", 1, 312, Decimal("0.780")),
        ("2024-01", 2, 276, Decimal("0.690")),
        ("2024-01", 3, 256, Decimal("0.640")),
        ("2024-02", 0, 450, Decimal("1.000")),
        ("2024-02", 1, 369, Decimal("0.820")),
        ("2024-02", 2, 324, Decimal("0.720")),
        ("2024-02", 3, 306, Decimal("0.680")),
        ("2024-03", 0, 380, Decimal("1.000")),
        ("2024-03", 1, 304, Decimal("0.800")),
        ("2024-03", 2, 277, Decimal("0.729")),
        ("2024-03", 3, 247, Decimal("0.650")),
    ],
    "retention_rate",
    "months_since_signup",
    "cohort_month",
)

# 43 no chart: a flag and texts, ids as texts
_add(
    "Which products are missing a supplier?",
    ["sku", "productTitle", "brand", "isActive", "supplierId"],
    [
        ("KL-20931", "Garden Hose 20m", "Aquaflex", True, None),
        ("KL-20944", "Hose Reel", "Aquaflex", True, None),
        ("MX-11002", "Cordless Drill 18V", "Brandt", False, None),
        ("MX-11870", "Bit Set 32pcs", "Brandt", True, None),
    ],
    None,
    None,
)

# 44 no chart: one average alone (a duration)
_add(
    "How long does a patient wait in the emergency room on average?",
    ["avg_wait"],
    [(timedelta(minutes=47, seconds=12),)],
    None,
    None,
)

# 45 no chart: ids, texts and contact data that are numbers
_add(
    "Give me the contacts of the accounts due for renewal",
    ["account_id", "account_name", "contact_name", "phone", "zip_code"],
    [
        (300211, "Fjord Analytics", "K. Hansen", 4722112233, 150),
        (300415, "Beacon Labs", "D. Price", 16175550114, 2139),
        (300502, "Tessel BV", "F. de Wit", 31205550177, 1012),
        (300777, "Mistral SAS", "C. Girard", 33145550199, 75002),
    ],
    None,
    None,
)

assert len(ANSWERS) == 45
