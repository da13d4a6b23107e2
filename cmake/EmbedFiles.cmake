# cmake -DOUTPUT=FILE -DFILES="NAME=PATH;..." -P EmbedFiles.cmake
# Writes a C++ file that defines attn::pack::embeddedFiles() (lib/Pack/Parts.h):
# the files, as bytes.

set(rows "")
set(text "// Written by cmake/EmbedFiles.cmake.\n#include \"Parts.h\"\n\n")
set(index 0)
foreach(pair ${FILES})
  string(FIND ${pair} = at)
  string(SUBSTRING ${pair} 0 ${at} name)
  math(EXPR at "${at} + 1")
  string(SUBSTRING ${pair} ${at} -1 path)
  file(READ ${path} bytes HEX)
  file(SIZE ${path} size)
  string(REGEX REPLACE "(..)" "0x\\1," bytes "${bytes}")
  string(APPEND text "alignas(8) static const unsigned char file${index}[] = {${bytes}};\n")
  string(APPEND rows "      {\"${name}\", {reinterpret_cast<const char *>(file${index}), ${size}}},\n")
  math(EXPR index "${index} + 1")
endforeach()
string(APPEND text "\nllvm::ArrayRef<attn::pack::EmbeddedFile> attn::pack::embeddedFiles() {\n"
       "  static const EmbeddedFile files[] = {\n${rows}  };\n  return files;\n}\n")
file(WRITE ${OUTPUT} "${text}")
