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
    age all_match any_match array_dims array_distinct array_fill array_lower array_max array_ndims
    array_position array_positions array_upper array_value as_integer as_varchar at_timezone bar
    bit_count bround btrim cardinality century checksum clock_timestamp codepoint combinations
    conditional_change_event conditional_true_event current_localtimestamp damerau_levenshtein date
    date_part date_sub daterange datetime decade element_at entropy epoch_ns epoch_us equi_width_bins
    era even every favg format_datetime format_number from_iso8601_date from_json fsum gamma gcd
    geometric_mean get_current_timestamp getdate greatest_common_divisor hamming_distance hash hashtext
    haversine histogram histogram_numeric hll_count.extract hll_count.merge human_readable_seconds
    ieee_divide infinity int4range is_finite is_json_scalar isempty isfinite isoyear jaccard
    jaro_winkler_similarity json_array json_array_elements json_array_elements_text json_array_length
    json_build_array json_build_object json_each json_each_text json_group_array json_group_object
    json_object_keys json_size json_tree json_typeof json_valid jsonb_agg jsonb_array_elements
    jsonb_array_elements_text jsonb_array_length jsonb_build_array jsonb_build_object jsonb_each
    jsonb_each_text jsonb_extract_path jsonb_extract_path_text jsonb_object_keys jsonb_path_query
    jsonb_strip_nulls jsonb_typeof julianday lcm likelihood likely list_aggregate list_distinct
    list_extract list_slice list_sum list_zip lower_inc mad make_date make_timestamp make_timestamptz
    map_agg map_values microsecond millennium millisecond multimap_agg named_struct nan nextafter ngrams
    none_match now num_nonnulls num_nulls numeric_histogram numrange octet_length parse_duration pmod
    prefix printf product quote quote_literal range ratio_to_report regexp_match regexp_matches
    regexp_split_to_array regexp_split_to_table regexp_substr reservoir_quantile round_even row
    row_to_json scale session_window shuffle similarity some st_contains st_dwithin st_geogpoint stack
    statement_timestamp strip_accents strip_null_value suffix sumkahan time timediff timeofday
    timestamp_millis timestamp_seconds timezone to_hours to_json to_jsonb to_milliseconds to_minutes
    to_months to_object to_seconds to_timestamp_ltz to_timestamp_ntz to_timestamp_tz to_variant to_weeks
    to_years today total transaction_timestamp trim_scale trunc truncate try_divide try_to_number
    tsrange tstzrange unaccent unixepoch unlikely upper_inc upper_inf url_extract_host
    url_extract_parameter url_extract_path wilson_interval_lower window with_timezone word_stem xxhash64
    yow zip zip_with
    """.split()
)
