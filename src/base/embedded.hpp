// Files put into the program at build time (cmake/embed.cmake).
#pragma once
#include <span>
#include <string_view>

namespace tilsyn {

struct EmbeddedFile {
    std::string_view name;  // relative path, '/' between folders
    std::string_view content;
};

namespace embedded {
std::span<const EmbeddedFile> i18n_files();
std::span<const EmbeddedFile> register_files();  // linked with the registers module
std::span<const EmbeddedFile> policy_files();    // linked with the policy module
}  // namespace embedded

}  // namespace tilsyn
