"""The functions that the guard lets through, by what sqlglot calls them.

sqlglot has a class for each function that it knows, and calls all others anonymous. Known ones pass, except
those of :data:`REFUSED`; of the anonymous ones pass :data:`HARMLESS` and those that the caller names.
"""

from __future__ import annotations

from typing import Final

__all__ = ["EXPANSIONS", "HARMLESS", "REFUSED"]

#: Classes of sqlglot, in lower case, of functions that read files, change something or call a paid service.
REFUSED: Final = frozenset(
    """
    aiagg aiclassify aiembed aiforecast aigenerate aisimilarity aisummarizeagg apply currenttransaction
    dynamicidentifier featuresattime generatebool generatedouble generateembedding generateint generatetable
    generatetext mlforecast mltranslate nextvaluefor predict readcsv readparquet secret tofile vectorsearch
    """.split()
)

#: Classes of sqlglot, in lower case, of functions that may stand in FROM: they turn a value into rows.
EXPANSIONS: Final = frozenset(
    """
    _explodeouter explode explodeouter explodinggenerateseries flatten generatedatearray generateseries
    generatetimestamparray generator inline jsontable openjson posexplode posexplodeouter splittotable stack
    strtoksplittotable unnest
    """.split()
)

#: Names, in lower case, of functions that sqlglot does not know and that compute a value from their arguments
#: alone, or tell the time. Those that make rows may stand in FROM.
HARMLESS: Final = frozenset(
    """
    age all_match any_match approx_most_frequent arbitrary array_cosine_similarity array_dims
    array_distinct array_extract array_fill array_frequency array_has_any array_lower array_max
    array_ndims array_position array_positions array_repeat array_replace array_to_json array_union
    array_upper array_value arrays_overlap as_double as_integer as_varchar at_timezone bar bin bit_count
    bround btrim cardinality century checksum clock_timestamp codepoint combinations
    conditional_change_event conditional_true_event crc32 current_localtimestamp damerau_levenshtein
    date date_bucket date_part date_sub datepart daterange datetime decade element_at entropy epoch_ns
    epoch_us equi_width_bins era even every favg fdiv float4 float8 fmod forall format_bytes
    format_datetime format_number from_iso8601_date from_json fsum gamma gcd generate_subscripts geomean
    geometric_mean get get_current_timestamp getdate great_circle_distance greatest_common_divisor
    hamming hamming_distance hash hashtext haversine histogram histogram_numeric hll_count.extract
    hll_count.init hll_count.merge human_readable_seconds ieee_divide infinity int2 int4 int4range int8
    is_finite is_json_scalar is_object isempty isfinite isnotnull isnull isoyear jaccard jaro_similarity
    jaro_winkler_similarity json json_array json_array_elements json_array_elements_text json_array_get
    json_array_length json_build_array json_build_object json_contains json_each json_each_text
    json_exists json_group_array json_group_object json_insert json_merge_patch json_object_keys
    json_patch json_pretty json_quote json_replace json_size json_structure json_to_record
    json_to_recordset json_transform json_tree json_tuple json_typeof json_valid json_value jsonb_agg
    jsonb_array_elements jsonb_array_elements_text jsonb_array_length jsonb_build_array
    jsonb_build_object jsonb_each jsonb_each_text jsonb_extract_path jsonb_extract_path_text
    jsonb_insert jsonb_object_keys jsonb_path_exists jsonb_path_match jsonb_path_query
    jsonb_path_query_array jsonb_path_query_first jsonb_pretty jsonb_set jsonb_strip_nulls
    jsonb_to_record jsonb_to_recordset jsonb_typeof julian julianday kurtosis_pop lcm lgamma likelihood
    likely list_aggregate list_any_value list_avg list_cosine_similarity list_count list_distinct
    list_extract list_first list_has_all list_intersect list_last list_max list_min list_position
    list_reduce list_reverse list_slice list_sum list_unique list_zip lower_inc lower_inf mad make_date
    make_timestamp make_timestamptz map_agg map_concat map_contains map_entries map_extract map_filter
    map_union map_values mask mean microsecond millennium millisecond min_scale
    monotonically_increasing_id multimap_agg named_struct nan nextafter nfc_normalize ngrams none_match
    now nullifzero num_nonnulls num_nulls numeric_histogram numrange object_delete octet_length ord
    parse_duration parse_filename parse_path pg_size_pretty pg_typeof phraseto_tsquery plainto_tsquery
    pmod prefix prev printf product quote quote_ident quote_literal quote_nullable range range_agg
    ratio_to_report reduce_agg regexp_match regexp_matches regexp_split_to_array regexp_split_to_table
    regexp_substr reservoir_quantile round_even row row_to_json scale schema_of_json sem sentences
    session_window shuffle signbit similarity some st_area st_astext st_contains st_dwithin
    st_geogfromtext st_geogpoint st_intersects st_within st_x st_y stack statement_timestamp
    string_to_table strip_accents strip_null_value strlen struct_insert struct_keys suffix sumkahan text
    time timediff timeofday timestamp_millis timestamp_seconds timezone timezone_hour to_base to_date
    to_hours to_iso8601 to_json to_jsonb to_microseconds to_milliseconds to_minutes to_months to_object
    to_quarters to_seconds to_timestamp to_timestamp_ltz to_timestamp_ntz to_timestamp_tz to_tsquery
    to_tsvector to_variant to_weeks to_years today total transaction_timestamp transform_values
    trim_array trim_scale trunc truncate try_avg try_divide try_strptime try_sum try_to_number
    try_to_timestamp try_variant_get ts_rank ts_rank_cd tsrange tstzrange unaccent union_value unixepoch
    unlikely upper_inc upper_inf url_decode url_encode url_extract_host url_extract_parameter
    url_extract_path url_extract_protocol url_extract_query variant_get websearch_to_tsquery weekday
    weighted_avg wilson_interval_lower window with_timezone word_similarity word_stem xxhash64 yearweek
    yow zeroifnull zip zip_with
    """.split()
)
