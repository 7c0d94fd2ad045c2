package injection

// lists are the words that several rules share, in the languages that attacks were seen in. A word is folded as the
// tokenizer folds it; words_joined are alternatives of several words; eight bytes and * are the beginning of a word.
func lists() map[string]string {
	return map[string]string{
		"ignore": `ignore|ignoring|disregard|disregarding|forget|forgetting|override|overrule|bypass|neglect|dismiss|discard|abandon|
			unlearn|nullify|overwrite|revoke|waive|erase|delete|do_not_follow|don't_follow|do_not_obey|don't_obey|no_longer_follow|stop_following|stop_obeying|
			pay_no_attention_to|do_not_listen_to|set_aside|
			ignoriere|ignoriert|ignorieren|vergiss|vergesst|vergessen|missachte|missachten|
			ignorez|ignorer|oublie|oubliez|oublier|ne_tenez_pas_compte|ne_tiens_pas_compte|ne_tenez_plus_compte|ne_tiens_plus_compte|
			ignora|ignorar|ignoren|olvida|olvide|olvidar|olvídate|haz_caso_omiso|no_hagas_caso|descarta|
			esqueça|esquece|esquecer|desconsidere|desconsidera|
			ignorate|ignorare|dimentica|dimenticate|dimenticare|trascura|negeer|vergeet|ignorera|glöm|ignoră|ignorați|uită|
			игнорируй|игнорируйте|игнорировать|проигнор*|забудь|забудьте|не_обращай_внимания|ігноруй|ігноруйте|відкинь|
			yoksay|yok_say|görmezden_gel|göz_ardı|dikkate_alma|unut|unutun|abaikan|lupakan|bỏ_qua|phớt_lờ|huwag_pansinin|balewalain|kalimutan|
			忽略|无视|無視|忘记|忘掉|忘れ|不要理会|不理会|忽視|무시|잊어|잊으|
			تجاهل|تجاهلي|تجاهلوا|انس|انسى|انسَ|अनदेखा|अनदेखी|भूल|नज़रअंदाज़|উপেক্ষা|ভুলে|ละเว้น|เพิกเฉย|ลืม|ไม่สนใจ|
			zignoruj|ignoruj|zapomnij|αγνοήστε|αγνόησε|ξέχνα|نادیده`,
		"before": `previous|previously|prior|preceding|above|earlier|former|foregoing|initial|original|existing|past|
			everything|all_the|all_of_the|all_of_your|all_your|any_other|your|
			vorherig*|vorangeh*|bisherig*|obige|obigen|früheren|alle|deine|ihre|
			précédent|précédente|précédents|précédentes|antérieur*|antérieures|ci-dessus|toutes|tes|vos|
			anterior|anteriores|previas|previos|todas|todos|tus|sus|acima|prévias|suas|precedenti|precedente|tutte|tue|
			предыдущ*|предшест*|прежние|свои|твои|попередні|усі|alla|tidigare|toate|anterioare|je|jouw|eerdere|قبلی|всё|önceki|yukarıdaki|tüm|sebelumnya|di_atas|trước|nakaraang|naunang|lahat_ng|
			之前|以前|先前|上述|上面|以上|前面|所有|这些|你的|これまで|上記|全て|すべて|이전|위의|모든|지금까지|
			السابقة|السابق|أعلاه|جميع|كل|पिछले|पहले|सभी|ऊपर|আগের|পূর্ববর্তী|উপরের|ก่อนหน้า|ข้างต้น|ทั้งหมด|poprzednie|wszystkie|προηγούμεν*|قبلی`,
		"orders": `instruction|instructions|direction|directions|directive|directives|command|commands|order|orders|rule|rules|guideline|
			guidelines|guidance|prompt|prompts|constraint|constraints|restriction|restrictions|policy|policies|programming|protocol|
			protocols|context|message|messages|input|inputs|training|safeguards|filters|conversation|
			anweisung|anweisun*|befehle|regeln|vorgaben|consigne|consignes|directives|règles|instrucción|instrucci*|indicaci*|reglas|órdenes|
			instrução|instruções|regras|comandos|ordens|istruzion*|istruzioni|regole|comandi|инструкц*|указания|указаний|правила|команды|інструкції|вказівки|instruktioner|instrucțiunile|instructies|regels|regler|دستورالعمل|
			talimat|talimatı|talimatl*|yönerge*|kuralları|komutları|instruksi|petunjuk|perintah|aturan|hướng_dẫn|chỉ_dẫn|chỉ_thị|tagubilin|instructi*|
			指令|指示|提示|规则|規則|命令|设定|要求|説明|지시|명령|규칙|지침|التعليم*|تعليمات|الأوامر|القواعد|निर्देश|नियम|निर्देशों|নির্দেশ|คำสั่ง|คําสั่ง|คำแนะนำ|
			instrukcje|polecenia|οδηγίες|οδηγιών|دستورات`,
		"prompt": `your_system_prompt|the_system_prompt|your_system_message|the_system_message|your_system_instructions|the_system_instructions|
			your_system_instruction|your_initial_prompt|the_initial_prompt|your_original_prompt|the_original_prompt|your_hidden_prompt|your_hidden_instructions|
			your_secret_instructions|your_developer_message|the_developer_message|your_pre-prompt|your_preprompt|your_metaprompt|
			your_instructions|your_prompt|your_initial_instructions|your_initials_instructions|your_original_instructions|your_rules|your_guidelines|
			your_configuration|your_initial_configuration|your_programming|previous_prompt|above_prompt|prompt_above|text_above|above_text|
			everything_above|all_above|instructions_above|above_instructions|conversation_so_far|entire_conversation|entire_prompt|full_prompt|whole_prompt|
			instructions_you_were_given|prompt_you_were_given|you_were_told|text_you_were_given|
			prior_instructions|your_context_window|
			systemanweis*|deine_anweisungen|deinen_systemprompt|votre_prompt_système|ton_prompt_système|instructions_système|prompt_del_sistema|
			instrucciones_del_sistema|tus_instrucciones|prompt_do_sistema|instruções_do_sistema|suas_instruções|prompt_di_sistema|tue_istruzioni|
			системный_промпт|системные_инструкции|системного_промпта|твои_инструкции|sistem_istemini|sistem_talimatlarını|talimatlarını|
			系统提示|系统指令|初始指令|你的指令|システムプロンプト|初期指示|시스템_프롬프트|시스템_메시지|초기_지시|प्रॉम्प्ट|تعليمات_النظام|تعليماتك`,
		"bareprompt": `system_prompt|system_message|system_instructions|initial_prompt|initial_instructions|original_instructions|hidden_prompt|hidden_instructions|
			secret_instructions|developer_prompt|metaprompt|initial_configuration|previous_instructions|system-prompt|system_prompts|systemprompt`,
		"tell": `repeat|print|reveal|show|output|display|return|write|tell|give|list|state|leak|dump|recite|disclose|share|expose|echo|
			reproduce|spell|translate|summarize|summarise|paraphrase|rephrase|encode|provide|copy|paste|say|describe|explain|type|reply_with|respond_with|
			what_is|what's|what_are|what_were|
			zeige|zeig|wiederhole|nenne|gib|verrate|affiche|affichez|montre|montrez|répète|répétez|révèle|révélez|donne|donnez|
			muestra|muéstrame|repite|imprime|revela|dime|dame|mostra|mostre|repita|revele|diga|stampa|ripeti|rivela|dimmi|
			покажи|повтори|выведи|напечатай|раскрой|скажи|göster|tekrarla|yazdır|söyle|açıkla|显示|輸出|输出|打印|重复|告诉|透露|見せて|表示|教えて|繰り返|出力|
			보여|출력|반복|알려|말해|اعرض|اطبع|كرر|اكشف|أخبرني|दिखाओ|दिखाएं|बताओ|बताएं|दोहराएं|tampilkan|ulangi|katakan`,
		"persona": `dan|dans|jailbreak|jailbroken|unfiltered|uncensored|amoral|unrestricted|unethical|immoral|illegal|evil|dude|stan|aim|
			without_restrictions|without_any_restrictions|no_restrictions|no_limitations|no_filters|no_rules|no_limits|no_ethical|
			sin_restricciones|sin_límites|sans_limite|sans_restriction|ohne_einschränkung|senza_filtri|sem_restrições|без_ограничений|zonder_beperkingen|bez_ograniczeń|没有任何限制|没有限制|
			no_moral|opposite_mode|developer_mode|god_mode|dan_mode|free_of_restrictions|any_restrictions`,
		"ai": `ai|a.i|chatgpt|gpt|gpt-3|gpt-4|openai|openai's|llm|language_model|assistant|chatbot|model|bot|clyde|bard|claude|gemini|llama|al`,
		"become": `act_as|acting_as|pretend_to_be|pretending_to_be|pretend|you_are_now|you're_now|you_will_be|you_will_become|you_will_act|
			role_of|roleplay_as|roleplaying_as|simulate|simulating|you_are_going_to|you_are_about_to|from_now_on|behave_as|become|becomes|immerse|transform|you_are`,
		"secret": `password|passwords|passcode|passphrase|secret|secrets|secret_key|secret_code|access_code|api_key|credentials|confidential|private_key|
			passwort|kennwort|geheimnis|mot_de_passe|contraseña|clave_secreta|senha|parola|parola_d'ordine|пароль|пароля|секретный|şifre|şifreyi|şifren|parola|
			kata_sandi|mật_khẩu|密码|密碼|口令|パスワード|暗証|비밀번호|암호|كلمة_المرور|كلمة_السر|पासवर्ड|পাসওয়ার্ড|รหัสผ่าน|hasło|κωδικό`,
	}
}

// forbids are the phrases by which a system prompt keeps something back.
func forbids() []string {
	return []string{
		"do_not|don't|dont|never|not_to|must_not|mustn't|should_not|shouldn't|cannot|can't|not_allowed_to|refuse_to|avoid|not ... reveal|share|disclose|tell|discuss|discussing|mention|talk|give|answer|provide|expose|leak|show|help|write|generate|translate|sort|interject|print|out|deviate|engage|offer|respond|use|order|instructions|color|suggest",
		"under_no_circumstances|at_all_costs|no_matter_what|strictly|only|solely|exclusively|limitation|not_allowed|forbidden|prohibited|confidential|secret|never|refrain|keep_private|avoid|avoids|avoiding|stay_focused|stick_to|do_not_discuss",
		"niemals|nicht|niemandem|vermeiden|vermeidet|keinesfalls|ausschließlich|nur|ne_révèle|ne_révélez|jamais|pas|uniquement|évite|éviter|éviter|interdit|seulement|no_reveles|no_lo_reveles|no_se_lo|nunca|no|evita|evitar|solo|solamente|únicamente|não|nunca|evite|apenas|somente|non|mai|evita|soltanto|не|никому|никогда|избегает|избегать|только|строго",
		"asla|sadece|yalnızca|açma|kimseye|etme|ifşa|kaçın|kaçınır|izin_verilmez|jangan|tidak|hanya|menghindari|dilarang|không|đừng|chỉ|tránh|huwag|hindi|lang|umiiwas",
		"不要|不得|不能|切勿|禁止|不应|不允许|避免|只|仅|绝不|永远不|しないで|しない|決して|ないで|禁止|避け|のみ|だけ|마세요|마라|않|절대|금지|피하|만|لا|أبدا|تجنب|فقط|عدم|न|नहीं|मत|कभी|केवल|सख्ती|बचें|না|কখনও|শুধু|এড়|ห้าม|อย่า|ไม่|เท่านั้น|หลีกเลี่ยง|nie|nigdy|μην|ποτέ|μόνο",
	}
}
