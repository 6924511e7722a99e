// SHA-256 of what comes in pieces.
#pragma once
#include <memory>
#include <string_view>

#include "crypto/hash.hpp"

namespace tilsyn::crypto {

class Sha256Stream {
  public:
    Sha256Stream();
    ~Sha256Stream();
    Sha256Stream(Sha256Stream&&) noexcept;
    Sha256Stream& operator=(Sha256Stream&&) noexcept;

    void reset();  // forgets what has come
    void update(std::string_view bytes);
    Sha256 finish();        // and begins anew
    Sha256 so_far() const;  // of what has come until now; more may follow

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace tilsyn::crypto
