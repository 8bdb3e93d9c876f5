// attack: Puts a forged result, terminal controls and a second message into the compiler's error text.
// expect: CompileFailed
// places: embedded

#error {"type":"finished","result":{"outcome":"Completed","error":"","exitCode":0}}
#line 1 "/etc/shadow"
#error "root:x:0:0"
#line 7 "x\033]0;title\007\n{\"outcome\":\"Completed\"}"
#error forged
int main(void) { return 0; }
