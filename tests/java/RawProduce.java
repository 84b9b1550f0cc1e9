import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.message.ProduceRequestData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.MemoryRecordsBuilder;
import org.apache.kafka.common.requests.ProduceRequest;
import org.apache.kafka.common.requests.ProduceResponse;
import org.apache.kafka.common.requests.AbstractResponse;
import org.apache.kafka.common.requests.RequestHeader;
import org.apache.kafka.common.utils.Crc32C;

/**
 * Writes what the producer refuses to: header names that are not UTF-8, and records without a timestamp (-1).
 * One batch in one request to one partition. A name is written as a placeholder of the same length, then replaced.
 */
final class RawProduce {
    private static final short VERSION = 11; // the last that names topics by name
    private static final int CRC_AT = 17; // in a version 2 batch; the checksum covers all that follows it

    private RawProduce() {}

    static void run(JsonNode in, ObjectNode out) throws Exception {
        String[] address = Tool.text(in, "bootstrap").split(":");
        ByteBuffer batch = batch(in);
        var partition = new ProduceRequestData.PartitionProduceData().setIndex(in.path("partition").asInt(0))
            .setRecords(MemoryRecords.readableRecords(batch));
        var topics = new ProduceRequestData.TopicProduceDataCollection();
        topics.add(new ProduceRequestData.TopicProduceData().setName(Tool.text(in, "topic")).setPartitionData(List.of(partition)));
        var request = ProduceRequest.builder(new ProduceRequestData().setAcks((short) -1).setTimeoutMs(10_000).setTopicData(topics))
            .build(VERSION);
        RequestHeader header = new RequestHeader(ApiKeys.PRODUCE, VERSION, "raw", 1);
        ByteBuffer body = request.serializeWithHeader(header);
        try (Socket socket = new Socket(address[0], Integer.parseInt(address[1]))) {
            socket.setSoTimeout(15_000);
            DataOutputStream to = new DataOutputStream(socket.getOutputStream());
            to.writeInt(body.remaining());
            to.write(body.array(), body.arrayOffset() + body.position(), body.remaining());
            to.flush();
            DataInputStream from = new DataInputStream(socket.getInputStream());
            ByteBuffer answer = ByteBuffer.wrap(from.readNBytes(from.readInt()));
            var response = (ProduceResponse) AbstractResponse.parseResponse(answer, header);
            var result = response.data().responses().iterator().next().partitionResponses().get(0);
            Errors.forCode(result.errorCode()).maybeThrow();
            out.put("base_offset", result.baseOffset());
        }
    }

    private static ByteBuffer batch(JsonNode in) {
        MemoryRecordsBuilder builder = MemoryRecords.builder(ByteBuffer.allocate(1 << 20), Compression.NONE, TimestampType.CREATE_TIME, 0L);
        List<byte[]> names = new ArrayList<>();
        for (JsonNode r : in.path("records")) {
            List<Header> headers = new ArrayList<>();
            for (JsonNode h : r.path("headers")) {
                byte[] name = java.util.HexFormat.of().parseHex(h.get(0).asText());
                headers.add(new RecordHeader(placeholder(names.size(), name.length),
                    h.get(1).isNull() ? null : h.get(1).asText().getBytes(StandardCharsets.UTF_8)));
                names.add(name);
            }
            builder.append(r.path("timestamp").asLong(1_700_000_000_000L), Produce.bytes(r, "key"), Produce.bytes(r, "value"),
                headers.toArray(new Header[0]));
        }
        ByteBuffer batch = builder.build().buffer();
        byte[] raw = new byte[batch.remaining()];
        batch.get(raw);
        for (int i = 0; i < names.size(); i++) {
            byte[] sign = placeholder(i, names.get(i).length).getBytes(StandardCharsets.US_ASCII);
            System.arraycopy(names.get(i), 0, raw, find(raw, sign), sign.length);
        }
        ByteBuffer patched = ByteBuffer.wrap(raw);
        patched.putInt(CRC_AT, (int) Crc32C.compute(raw, CRC_AT + 4, raw.length - CRC_AT - 4));
        return patched;
    }

    private static String placeholder(int index, int length) {
        if (length < 2 || index > 25) throw new IllegalArgumentException("header names of two bytes or more, 26 at most");
        return (char) ('A' + index) + "~".repeat(length - 1);
    }

    private static int find(byte[] in, byte[] what) {
        for (int i = 0; i + what.length <= in.length; i++) {
            if (Arrays.equals(in, i, i + what.length, what, 0, what.length)) return i;
        }
        throw new IllegalStateException("placeholder not found");
    }
}
