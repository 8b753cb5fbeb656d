// Metrics of compression by routes.

extension MetricFamily {
    static let compression: [MetricFamily] = [
        MetricFamily(
            "larder_compressed_responses_total", .counter, "Responses of upstreams that were compressed."
        ) { $0.total.compressed },
        MetricFamily(
            "larder_compression_input_bytes_total", .counter, "Bytes of these responses before compression."
        ) { $0.total.compressedFrom },
        MetricFamily(
            "larder_compression_output_bytes_total", .counter, "Bytes of these responses after compression."
        ) { $0.total.compressedTo },
        MetricFamily(
            "larder_recoded_responses_total", .counter,
            "Stored responses that were made available in another content coding without a request to the upstream."
        ) { $0.total.recoded },
        MetricFamily(
            "larder_compression_refused_total", .counter,
            "Responses that were not compressed because limits.memory had no room for it."
        ) { $0.total.leftUncompressed },
    ]
}
