#include "support/tsa.hpp"

#include <stdexcept>

#include "base/file.hpp"
#include "crypto/hash.hpp"
#include "support/command.hpp"

namespace tilsyn::test {
namespace {

constexpr std::string_view ca_settings = R"([ca]
default_ca = here
[here]
database = index.txt
new_certs_dir = .
rand_serial = yes
default_md = sha256
policy = any
unique_subject = no
[any]
commonName = supplied
[req]
distinguished_name = name
[name]
[root]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign
subjectKeyIdentifier = hash
[stamping]
keyUsage = critical, digitalSignature
extendedKeyUsage = critical, timeStamping
[other]
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
)";

constexpr std::string_view tsa_settings = R"([tsa]
default_tsa = here
[here]
serial = serial
signer_cert = tsa.pem
signer_key = tsa.key
signer_digest = DIGEST
default_policy = 1.2.3.4.1
digests = ACCEPTS
accuracy = secs:1, millisecs:500, microsecs:100
tsa_name = yes
ess_cert_id_alg = sha256
)";

std::string replaced(std::string text, std::string_view what, std::string_view by) {
    return text.replace(text.find(what), what.size(), by);
}

}  // namespace

Tsa::Tsa() : Tsa(Options{}) {}

Tsa::Tsa(const Options& options) : options_(options) {
    write("ca.cnf", ca_settings);
    write("index.txt", "");
    write("serial", "4710\n");
    write("ts.cnf",
          replaced(replaced(std::string(tsa_settings), "DIGEST", options.digest), "ACCEPTS", options.accepts));
    const std::string algorithm = options.key == "rsa" ? "-algorithm RSA -pkeyopt rsa_keygen_bits:2048"
                                                       : "-algorithm EC -pkeyopt ec_paramgen_curve:P-256";
    for (const std::string name : {"ca", "tsa"}) {
        run("openssl genpkey " + algorithm + " -out " + name + ".key");
        run("openssl req -new -config ca.cnf -key " + name +
            ".key -subj '/CN=" + (name == "ca" ? "Test root" : options.name) + "' -out " + name + ".csr");
    }
    const std::string issue = "openssl ca -config ca.cnf -batch -notext -keyfile ca.key ";
    run(issue +
        "-selfsign -extensions root -startdate 20000101000000Z -enddate 20490101000000Z -in ca.csr -out ca.pem");
    run(issue + "-cert ca.pem -extensions " + (options.for_stamping ? "stamping" : "other") + " -startdate " +
        options.from + " -enddate " + options.to + " -in tsa.csr -out tsa.pem");
}

std::string Tsa::ca() const {
    return read_file(ca_file()).value();
}

std::string Tsa::reply(std::string_view request) const {
    write("query", request);
    run("openssl ts -reply -config ts.cnf -queryfile query -out reply");
    return read_file(path("reply")).value();
}

std::string Tsa::forge(const Says& says) const {
    const auto imprint = crypto::hex(crypto::sha256(says.data));
    std::string fields = R"(asn1=SEQUENCE:info
[info]
version=INTEGER:1
policy=OID:1.2.3.4.2
imprint=SEQUENCE:imprint
serial=INTEGER:77
time=GENERALIZEDTIME:)" + says.time +
                         "\n";
    if (!says.accuracy.empty()) fields += "accuracy=SEQUENCE:accuracy\n";
    if (!says.nonce.empty()) fields += "nonce=INTEGER:0x" + says.nonce + "\n";
    fields += "[imprint]\nalgorithm=SEQUENCE:algorithm\nhash=FORMAT:HEX,OCTETSTRING:" + imprint +
              "\n[algorithm]\nname=OID:sha256\nnone=NULL\n";
    if (!says.accuracy.empty()) fields += "[accuracy]\n" + says.accuracy + "\n";
    write("info.cnf", fields);
    run("openssl asn1parse -genconf info.cnf -noout -out info");
    run("openssl cms -sign -cades -binary -nodetach -in info -econtent_type 1.2.840.113549.1.9.16.1.4 -md " +
        options_.digest + " -signer tsa.pem -inkey tsa.key -outform DER -out token");
    const auto token = read_file(path("token")).value();
    // TimeStampResp ::= SEQUENCE { status SEQUENCE { INTEGER 0 }, token }
    const std::string inner = std::string("\x30\x03\x02\x01\x00", 5) + token;
    const auto size = inner.size();
    return std::string("\x30\x82", 2) + char(size >> 8) + char(size & 0xff) + inner;
}

std::string Tsa::openssl_refuses(std::string_view stamp, std::string_view data, const std::string& options) const {
    write("checked", stamp);
    write("data", data);
    const auto ran = run_command("cd " + folder().string() +
                                 " && openssl ts -verify -in checked -data data -CAfile ca.pem " + options + " 2>&1");
    return ran.status == 0 && ran.output.find("Verification: OK") != ran.output.npos ? std::string() : ran.output;
}

void Tsa::write(std::string_view name, std::string_view content) const {
    if (!write_file(path(name), content)) throw std::runtime_error("cannot write " + path(name).string());
}

void Tsa::run(const std::string& command) const {
    const auto ran = run_command("cd " + folder().string() + " && " + command + " 2>&1");
    if (ran.status != 0) throw std::runtime_error(command + "\n" + ran.output);
}

}  // namespace tilsyn::test
